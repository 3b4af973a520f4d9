package api

import "net/http"

// kind is what sort of problem a refusal is. Its name ends the problem's type, urn:contrail:problem:NAME, and never changes.
type kind string

const (
	kindMalformed       kind = "malformed"              // the request can't be read
	kindTenant          kind = "tenant-required"        // no X-Tenant-Id
	kindNoRoute         kind = "no-such-route"          // the path leads nowhere
	kindNotFound        kind = "not-found"              // the tenant has no such thing
	kindMethod          kind = "method-not-allowed"     // the path takes other methods
	kindSlowBody        kind = "body-timeout"           // the body did not arrive in time
	kindRefused         kind = "refused"                // the aggregate is in no state for it
	kindConflict        kind = "conflict"               // others were in the way each time
	kindReference       kind = "reference-taken"        // another aggregate has the reference
	kindVersion         kind = "version-mismatch"       // If-Match
	kindTooLarge        kind = "body-too-large"         // more bytes than are read
	kindMediaType       kind = "unsupported-media-type" // not JSON, or compressed
	kindInvalid         kind = "invalid"                // what was given breaks rules
	kindKeyReused       kind = "idempotency-key-reused" // the key stands for another command
	kindNoPosition      kind = "no-such-position"       // at_least lies in the future
	kindHeadersTooLarge kind = "headers-too-large"      // more bytes of headers than are taken
	kindInternal        kind = "internal"               // a fault of the service
	kindBusy            kind = "busy"                   // too many requests at a time
	kindBehind          kind = "behind"                 // the read model is not there yet
	kindUnavailable     kind = "unavailable"            // the database is away
	kindTimeout         kind = "timeout"                // not done in time
)

// description is what is the same of all problems of a kind.
type description struct {
	kind       kind
	status     int
	title      string // the kind in a few words
	retryAfter int    // how many seconds to wait before the same request may go well; 0: it won't
}

func descriptions() []description {
	return []description{
		{kindMalformed, http.StatusBadRequest, "The request can't be read", 0},
		{kindTenant, http.StatusBadRequest, "No tenant is named", 0},
		{kindNoRoute, http.StatusNotFound, "There is no such route", 0},
		{kindNotFound, http.StatusNotFound, "There is no such thing", 0},
		{kindMethod, http.StatusMethodNotAllowed, "The method is not allowed here", 0},
		{kindSlowBody, http.StatusRequestTimeout, "The body came too slowly", 0},
		{kindRefused, http.StatusConflict, "The state does not allow it", 0},
		{kindConflict, http.StatusConflict, "Others changed it at the same time", 1},
		{kindReference, http.StatusConflict, "The reference is taken", 0},
		{kindVersion, http.StatusPreconditionFailed, "The version is another one", 0},
		{kindTooLarge, http.StatusRequestEntityTooLarge, "The body is too large", 0},
		{kindMediaType, http.StatusUnsupportedMediaType, "The body is of a type that is not taken", 0},
		{kindInvalid, http.StatusUnprocessableEntity, "What was given breaks rules", 0},
		{kindKeyReused, http.StatusUnprocessableEntity, "The idempotency key was used for something else", 0},
		{kindNoPosition, http.StatusUnprocessableEntity, "There is no such position", 0},
		{kindHeadersTooLarge, http.StatusRequestHeaderFieldsTooLarge, "The headers are too large", 0},
		{kindInternal, http.StatusInternalServerError, "The service is at fault", 0},
		{kindBusy, http.StatusServiceUnavailable, "Too many requests at a time", 1},
		{kindBehind, http.StatusServiceUnavailable, "The read model is behind", 1},
		{kindUnavailable, http.StatusServiceUnavailable, "The service can't work now", 5},
		{kindTimeout, http.StatusGatewayTimeout, "It took too long", 0},
	}
}

func (k kind) describe() description {
	for _, one := range descriptions() {
		if one.kind == k {
			return one
		}
	}
	return description{k, http.StatusInternalServerError, "The service is at fault", 0}
}

func (k kind) status() int { return k.describe().status }

package dashboard

import (
	"context"
	"errors"
	"net/http"
)

// httpError is an error that has a status of its own.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

// errNotFound says that there is no such thing as the address names, as in errNotFound("dead letter 17").
func errNotFound(what string) error {
	return &httpError{http.StatusNotFound, "there is no " + what + ": it may have been removed, or the address is mistyped"}
}

// errBadInput says what is wrong with the address's query or with a form, and what to give.
func errBadInput(text string) error { return &httpError{http.StatusBadRequest, text} }

// errForbidden says that the user's role does not suffice.
func errForbidden(text string) error { return &httpError{http.StatusForbidden, text} }

// statusOf is the status that an error is answered with.
func statusOf(err error) int {
	if known, is := errors.AsType[*httpError](err); is {
		return known.status
	}
	if _, is := asLimited(err); is {
		return http.StatusTooManyRequests
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// errEnding is why what goes on in the background is cancelled.
var errEnding = errors.New("the dashboard was ended")

package invoicing

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail/domain"
)

// wireProblem is a refusal as RFC 9457 has it.
type wireProblem struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"` // such as body.line_items[2].quantity
		Message  string `json:"message"`
	} `json:"errors"`
}

// refusal makes an error of an answer that is no success.
func refusal(request *http.Request, response *http.Response, text []byte) error {
	var problem wireProblem
	isProblem := strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(text, &problem) == nil
	if !isProblem || problem.Detail == "" {
		problem.Detail = http.StatusText(response.StatusCode)
	}
	err := fmt.Errorf("%s answers %d: %s", whence(request), response.StatusCode, problem.Detail)
	after, again := retryAfter(response.Header.Get("Retry-After"), time.Now())
	_, kind, _ := strings.Cut(problem.Type, ":problem:")
	switch {
	case kind == "reference-taken":
		return fmt.Errorf("%w: %w", err, domain.ErrReferenceTaken)
	case kind == "idempotency-key-reused":
		return fmt.Errorf("%w: %w", err, domain.ErrKeyReused)
	case kind == "not-found":
		return fmt.Errorf("%w: %w", err, domain.ErrNotFound)
	case again || isPassing(response.StatusCode):
		return &UnavailableError{After: after, Err: err}
	case isProblem && isAboutBody(response.StatusCode):
		return problem.fault()
	case response.StatusCode < http.StatusBadRequest:
		return fmt.Errorf("%w; it redirects to %s, which is not followed: give that address", err, cut(response.Header.Get("Location")))
	case !isProblem:
		return fmt.Errorf("%w; is it the address of a contrail serve?", err)
	}
	return err
}

// isPassing tells of an answer that may be another one a little later, whether or not it says so.
func isPassing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// isAboutBody tells of an answer that will be the same one until the posting is another one.
func isAboutBody(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// fault names the first field and tells all of them.
func (p wireProblem) fault() *LineError {
	if len(p.Errors) == 0 {
		return &LineError{Reason: p.Detail}
	}
	fault := &LineError{Field: strings.TrimPrefix(p.Errors[0].Location, "body."), Reason: p.Errors[0].Message}
	for _, other := range p.Errors[1:] {
		fault.Reason += fmt.Sprintf("; %s %s", strings.TrimPrefix(other.Location, "body."), other.Message)
	}
	return fault
}

// retryAfter reads the header field: seconds, or a date. The second result tells whether there was one.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		const most = 24 * 60 * 60
		return time.Duration(min(seconds, most)) * time.Second, true
	}
	at, err := http.ParseTime(text)
	return max(at.Sub(now), 0), err == nil
}

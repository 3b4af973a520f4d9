package webhook

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail/internal/sanitize"
)

// What is read of an answer: so much is kept, so much more is thrown away to have the connection for the next request, and so long is waited
// for it. Whatever an endpoint sends beyond that is not read.
const (
	keptBytes    = 1 << 10
	skippedBytes = 3 << 10
	bodyPatience = 2 * time.Second
)

// Bounds of what an endpoint may ask for by Retry-After.
const (
	minRetryAfter = time.Second
	maxRetryAfter = 24 * time.Hour
)

// errGone says that an endpoint wants to be asked no more: it has answered 410 Gone.
var errGone = errors.New("the endpoint wants no more events")

// answer is what an endpoint has said.
type answer struct {
	status     int
	text       string        // the status, and the beginning of the body, made harmless
	location   string        // where it redirects to: scheme and host
	retryAfter time.Duration // 0: it does not say
	took       time.Duration
}

// readAnswer reads what is kept. The status stands, whatever becomes of the body: an endpoint that has said 200 has taken the event.
func readAnswer(response *http.Response, now time.Time) answer {
	body, _ := io.ReadAll(io.LimitReader(response.Body, keptBytes))
	if len(body) == keptBytes {
		_, _ = io.CopyN(io.Discard, response.Body, skippedBytes)
	}
	got := answer{status: response.StatusCode, text: statusText(response.StatusCode), retryAfter: retryAfter(response.Header.Get("Retry-After"), now)}
	if to, err := response.Location(); err == nil {
		got.location = origin(to)
	}
	if said := harmless(body); said != "" {
		got.text += ": " + said
	}
	return got
}

// fault is nil for 2xx, by the Standard Webhooks the only answer that is good.
func (a answer) fault() error {
	switch status := a.status; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusGone:
		return fmt.Errorf("%w: it answers %s", errGone, statusText(status))
	case status >= 300 && status < 400 && a.location != "":
		return fmt.Errorf("the endpoint answers %s, to %s; redirects are not followed: set its URL to where it is now", statusText(status), a.location)
	case status >= 300 && status < 400:
		return fmt.Errorf("the endpoint answers %s; redirects are not followed: set its URL to where it is now", statusText(status))
	}
	return fmt.Errorf("the endpoint answers %s", statusText(a.status))
}

// delay is how long the endpoint wants to be left alone, if it says so with a status that means it.
func (a answer) delay() (time.Duration, bool) {
	return a.retryAfter, a.retryAfter > 0 && (a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable)
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// retryAfter reads the header of that name: seconds, or a date. What asks for less than a second, or for more than a day, is bounded.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	wait := maxRetryAfter
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		if seconds < uint64(maxRetryAfter/time.Second) {
			wait = time.Duration(seconds) * time.Second
		}
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	} else if strings.ContainsFunc(header, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0 // neither; a number beyond all bounds asks for long
	}
	return min(max(wait, minRetryAfter), maxRetryAfter)
}

// origin leaves out what may be a secret: the rest of a URL.
func origin(of *url.URL) string { return harmless(of.Scheme + "://" + of.Host) }

// harmless is what may be kept, shown and logged of what came from elsewhere: at most keptBytes.
func harmless[T string | []byte](text T) string { return sanitize.Text(string(text), keptBytes) }

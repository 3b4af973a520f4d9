package webhook

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Target is [target] for tests.
type Target struct {
	URL     string
	Secrets []Secret
	Timeout time.Duration
	Private bool
}

func (t Target) inside() target { return target{t.URL, t.Secrets, t.Timeout, t.Private} }

// Answer is [answer] for tests.
type Answer struct {
	Status     int
	Text       string
	Delay      time.Duration
	Took       time.Duration
	Fault      error
	RetryAfter bool
}

// Poster is the client that posts.
type Poster struct{ *client }

// NewPoster makes a client that trusts roots, and asks resolver for names; nil: the system's. Its idle connections are closed behind the test.
func NewPoster(tb testing.TB, roots *x509.CertPool, resolver *net.Resolver) Poster {
	tb.Helper()
	c := newClient(clientConfig{roots: roots, resolver: resolver})
	tb.Cleanup(c.close)
	return Poster{c}
}

// At sets the client's clock.
func (p Poster) At(now time.Time) Poster {
	p.now = func() time.Time { return now }
	return p
}

// Do posts.
func (p Poster) Do(ctx context.Context, to Target, id uuid.UUID, body []byte) (Answer, error) {
	got, err := p.do(ctx, to.inside(), id, body)
	if err != nil {
		return Answer{Took: got.took}, err
	}
	delay, asked := got.delay()
	return Answer{got.status, got.text, delay, got.took, got.fault(), asked}, nil
}

// Transports are what the client connects by, for endpoints in the internet and in private networks.
func (p Poster) Transports() (public, private *http.Transport) { return p.public, p.private }

// CheckURL is what endpoints' URLs have to stand.
func CheckURL(url string, private bool) error { return checkURL(url, private) }

// CheckAddress is what the addresses that are connected to have to stand.
func CheckAddress(address string, private bool) error {
	return newGuard(private).control("tcp", address, nil)
}

// Signatures is the value of the header webhook-signature.
func Signatures(secrets []Secret, id string, at time.Time, body []byte) string {
	return signatures(secrets, id, at, body)
}

// RetryAfter reads the header of that name.
func RetryAfter(header string, now time.Time) time.Duration { return retryAfter(header, now) }

// ReadAnswer reads an answer.
func ReadAnswer(response *http.Response) (status int, text string) {
	got := readAnswer(response, time.Now())
	return got.status, got.text
}

// ErrGone says that the endpoint wants no more events.
func ErrGone() error { return errGone }

package webhook

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime/debug"

	"github.com/google/uuid"
)

// contentType is that of a CloudEvent in structured JSON mode.
const contentType = "application/cloudevents+json; charset=UTF-8"

// newRequest makes the request of one attempt, which is signed now: a receiver refuses one that is five minutes old.
func (c *client) newRequest(ctx context.Context, to target, id uuid.UUID, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url, bytes.NewReader(body))
	if err != nil { // whose text has the URL in it
		return nil, errors.New("the endpoint's URL can't be read")
	}
	at := c.now()
	request.Header = http.Header{
		"Content-Type":  {contentType},
		"User-Agent":    {c.agent},
		headerID:        {id.String()},
		headerTimestamp: {timestamp(at)},
		headerSignature: {signatures(to.secrets, id.String(), at, body)},
		// Not sent. It tells net/http that the request may be sent anew when a connection turns out to be closed that was kept: receivers know one
		// that they have seen by its webhook-id.
		"Idempotency-Key": {},
	}
	return request, nil
}

// userAgent names the program that posts.
func userAgent() string {
	const module = "github.com/contrail-events/contrail"
	version := "dev"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, part := range append(info.Deps, &info.Main) {
			if part.Path == module && part.Version != "" && part.Version != "(devel)" {
				version = part.Version
			}
		}
	}
	return "contrail/" + version
}

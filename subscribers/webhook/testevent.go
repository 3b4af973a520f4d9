package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// TestType is the type of the events that [Test] posts. No other event can have it: theirs have no dot.
const TestType = "contrail.test"

// TestOptions say how a test event is posted.
type TestOptions struct {
	Tenant       string // not empty: only if the endpoint is this tenant's
	AllowPrivate bool   // as [Config].AllowPrivate: an endpoint that may be in a private network is asked there
}

// Tested is what became of a test event.
type Tested struct {
	Endpoint  uuid.UUID     `json:"endpoint"`
	WebhookID uuid.UUID     `json:"webhook_id"` // under which it was posted
	At        time.Time     `json:"at"`         // when
	Duration  time.Duration `json:"-"`          // until the answer was there; duration_seconds in JSON
	Status    int           `json:"status"`     // of HTTP; 0: there was no answer
	Response  string        `json:"response"`   // the status and the first KiB of the answer, made harmless
	Error     string        `json:"error"`      // empty: the endpoint has taken it
}

// OK tells whether the endpoint has taken the event.
func (t Tested) OK() bool { return t.Error == "" }

// testSQL reads without a lock, by the primary key.
const testSQL = `SELECT consumer, tenant, url, timeout, private, secret, CASE WHEN former_until > clock_timestamp() THEN former_secret ELSE '' END
	FROM contrail.webhooks WHERE id = $1 AND ($2 = '' OR tenant = $2)`

// tested is what is needed of an endpoint to test it.
type tested struct {
	to               target
	id               uuid.UUID
	consumer, tenant string
}

// Test posts an event of the type [TestType] to an endpoint, at once and once, be it enabled or not, its circuit closed or open: signed as any other, so that its
// receiver can be tried before there is anything to send. It takes as long as the endpoint's timeout at most, and holds no connection to
// the database meanwhile. It is not in the ledger, counts for nothing, and stands in no order with other events.
//
// What became of it is in what it returns, also that the endpoint has refused it. The error says that nothing was sent: it wraps [ErrNotFound], or is the database's.
func Test(ctx context.Context, db Querier, id uuid.UUID, options TestOptions) (Tested, error) {
	endpoint, err := toTest(ctx, db, id, options)
	if err != nil {
		return Tested{}, fmt.Errorf("test endpoint %s: %w", id, err)
	}
	webhookID, eventID := uuid.New(), uuid.New()
	begun := time.Now()
	body, err := endpoint.event(eventID, begun)
	if err != nil {
		return Tested{}, fmt.Errorf("test endpoint %s: %w", id, err)
	}
	got, err := endpoint.ask(ctx, webhookID, body)
	result := Tested{Endpoint: id, WebhookID: webhookID, At: begun.UTC(), Duration: got.took, Status: got.status, Response: got.text}
	if err != nil {
		result.Error = harmless(err.Error())
	}
	return result, nil
}

// toTest reads the endpoint.
func toTest(ctx context.Context, db Querier, id uuid.UUID, options TestOptions) (tested, error) {
	endpoint := tested{id: id}
	var secret, former string
	err := db.QueryRow(ctx, testSQL, id, options.Tenant).Scan(
		&endpoint.consumer, &endpoint.tenant, &endpoint.to.url, &endpoint.to.timeout, &endpoint.to.private, &secret, &former)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return tested{}, ErrNotFound
	case err != nil:
		return tested{}, err //nolint:wrapcheck // Test says what was done
	}
	endpoint.to.private = endpoint.to.private && options.AllowPrivate
	endpoint.to.secrets, err = validSecrets(secret, former)
	return endpoint, err
}

// ask posts once.
func (t tested) ask(ctx context.Context, id uuid.UUID, body []byte) (answer, error) {
	if err := checkURL(t.to.url, t.to.private); err != nil {
		return answer{}, fmt.Errorf("the endpoint's URL %w", err)
	}
	poster := newClient(clientConfig{})
	defer poster.close()
	got, err := poster.do(ctx, t.to, id, body)
	if err != nil {
		return got, err
	}
	return got, got.fault()
}

// event is a CloudEvent in the form that all others have, about the endpoint itself.
func (t tested) event(id uuid.UUID, at time.Time) ([]byte, error) {
	data, err := json.Marshal(map[string]string{"endpoint": t.id.String(), "message": "This is a test: nothing has happened."})
	if err != nil {
		return nil, err //nolint:wrapcheck // a map of strings always marshals
	}
	event := contrail.Recorded{
		ID: id, Stream: contrail.NewStreamID("webhook", t.id.String()), Version: 1, Type: TestType, Data: data, RecordedAt: at,
	}
	if t.tenant != "" {
		event.Metadata = contrail.Metadata{contrail.KeyTenantID: t.tenant}
	}
	return wire.Append(nil, "/contrail/webhooks/"+url.PathEscape(t.consumer), event), nil
}

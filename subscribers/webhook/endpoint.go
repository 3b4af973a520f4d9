package webhook

import (
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ErrNotFound says that there is no such endpoint, or that it is another tenant's: which of the two is not told.
var ErrNotFound = errors.New("there is no such endpoint")

// State is whether an endpoint gets events.
type State string

// The states.
const (
	StateEnabled  State = "enabled"
	StateDisabled State = "disabled" // nothing is planned for it, and nothing posted to it
)

// Endpoint is a URL that events are posted to. The first part is what a person says about it: it is given to [Add] and [Change]. The second part
// says how it stands.
type Endpoint struct {
	Consumer    string        `json:"consumer"`         // the durable that posts to it; required
	Tenant      string        `json:"tenant,omitempty"` // not empty: it gets events of this tenant alone
	URL         string        `json:"url"`              // https://…; http:// only if Private; required
	Description string        `json:"description,omitempty"`
	Categories  []string      `json:"categories,omitempty"` // of streams that it wants events of; empty: all
	Types       []string      `json:"types,omitempty"`      // of events that it wants; empty: all
	Concurrency int           `json:"concurrency"`          // requests at a time, 1 to 64, those of one stream in order. Default: 1, all in the order in which their plans were committed
	Timeout     time.Duration `json:"-"`                    // for one request, 1 s to 30 s; timeout_seconds in JSON. Default: 15 s
	MaxAttempts int           `json:"max_attempts"`         // of a delivery, 1 to 100. Default: 10
	Private     bool          `json:"private"`              // it may be in a private network, or on this machine; Config.AllowPrivate is needed, too
	CreatedBy   string        `json:"created_by,omitempty"` // as in ada@ops

	ID            uuid.UUID  `json:"id"`                        // a UUIDv7
	SecretHint    string     `json:"secret"`                    // tells which secret it is, as in whsec_…3kQ=
	FormerUntil   *time.Time `json:"former_until,omitempty"`    // until when the former secret is valid, too; nil: there is none
	State         State      `json:"state"`                     //
	Reason        string     `json:"reason,omitempty"`          // why it is disabled
	DisabledAt    *time.Time `json:"disabled_at,omitempty"`     // nil: it is not
	Failures      int        `json:"failures"`                  // of requests, one after another; zero: the last one succeeded
	FailingSince  *time.Time `json:"failing_since,omitempty"`   // nil: it does not fail
	OpenedAt      *time.Time `json:"opened_at,omitempty"`       // when the circuit opened; nil: it is closed
	ProbeAt       *time.Time `json:"probe_at,omitempty"`        // when the next probe is due
	LastError     string     `json:"last_error,omitempty"`      // of the last request that failed
	LastSuccessAt *time.Time `json:"last_success_at,omitempty"` // roughly: it is written every ten seconds at most
	HeldBy        string     `json:"held_by,omitempty"`         // the process that posts to it
	HeldUntil     *time.Time `json:"held_until,omitempty"`      // by when it must have given a sign of life
	CreatedAt     time.Time  `json:"created_at"`
	ChangedAt     time.Time  `json:"changed_at"` // by a person, or disabled
	ChangedBy     string     `json:"changed_by,omitempty"`
}

// Bounds and defaults of what a person may say about an endpoint.
const (
	maxConcurrency     = idlePerHost // each request may keep its connection
	defaultTimeout     = 15 * time.Second
	minTimeout         = time.Second
	maxTimeout         = 30 * time.Second
	defaultMaxAttempts = 10
	mostAttempts       = 100
	maxDescription     = 1024
)

func (e Endpoint) withDefaults() Endpoint {
	e.Concurrency = orDefault(e.Concurrency, 1)
	e.Timeout = orDefault(e.Timeout, defaultTimeout)
	e.MaxAttempts = orDefault(e.MaxAttempts, defaultMaxAttempts)
	return e
}

// columns are what scan reads: all but the secrets, which takes no more rights than to look.
const columns = `id, consumer, tenant, url, description, categories, types, concurrency, timeout, max_attempts, private, created_by,
	secret_hint, CASE WHEN former_until > clock_timestamp() THEN former_until END, state, reason, disabled_at, failures, failing_since, opened_at, probe_at,
	last_error, last_success_at, held_by, held_until, created_at, changed_at, changed_by`

func scan(row pgx.CollectableRow) (e Endpoint, err error) {
	err = row.Scan(targetsOf(&e)...)
	return e, err //nolint:wrapcheck // whoever collects wraps it
}

// targetsOf are where the columns go.
func targetsOf(e *Endpoint) []any {
	return []any{
		&e.ID, &e.Consumer, &e.Tenant, &e.URL, &e.Description, &e.Categories, &e.Types, &e.Concurrency, &e.Timeout, &e.MaxAttempts, &e.Private, &e.CreatedBy,
		&e.SecretHint, &e.FormerUntil, &e.State, &e.Reason, &e.DisabledAt, &e.Failures, &e.FailingSince, &e.OpenedAt, &e.ProbeAt,
		&e.LastError, &e.LastSuccessAt, &e.HeldBy, &e.HeldUntil, &e.CreatedAt, &e.ChangedAt, &e.ChangedBy,
	}
}

package deliveries_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgfault"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

const (
	faultAttempts = 4
	faultPatience = 60 * time.Second
	faultBy       = "the test"
)

// faultWorld is a database, and those outside it who write down each call. Any number of ledgers may be in it, and in any number of
// processes.
type faultWorld struct {
	url  string
	dir  string        // of the others: a folder for each delivery, and a file for each call
	pool *pgxpool.Pool // without faults
}

func openFaultWorld(ctx context.Context, address, dir string) (*faultWorld, error) {
	pool, _, err := pgfault.Open(ctx, address)
	return &faultWorld{url: address, dir: dir, pool: pool}, err
}

func newFaultWorld(t *testing.T, address string) *faultWorld {
	t.Helper()
	w, err := openFaultWorld(context.WithoutCancel(t.Context()), address, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(w.pool.Close)
	return w
}

// faultRecipient is somebody who answers in his own way, and where that leads.
type faultRecipient struct {
	name   string
	answer func(call int) error // to the first call, the second …
	state  deliveries.State
	reason deliveries.Reason
	calls  int // where nothing breaks
}

func faultRecipients() []faultRecipient {
	broken := errors.New("it does not work")
	return []faultRecipient{
		{"well", func(int) error { return nil }, deliveries.Succeeded, "", 1},
		{"busy", func(call int) error {
			if call == 1 {
				return deliveries.Temporary(broken)
			}
			return nil
		}, deliveries.Succeeded, "", 2},
		{"refuses", func(int) error { return contrail.Permanent(broken) }, deliveries.Cancelled, deliveries.ReasonPermanent, 1},
		{"gone", func(int) error { return deliveries.Bounced(broken) }, deliveries.Cancelled, deliveries.ReasonBounced, 1},
		{"content", func(int) error { return contrail.Skip("has_it") }, deliveries.Suppressed, "has_it", 1},
		{"down", func(int) error { return deliveries.Temporary(broken) }, deliveries.Cancelled, deliveries.ReasonExhausted, faultAttempts},
		{"odd", func(call int) error {
			if call == 1 {
				panic(broken)
			}
			return broken
		}, deliveries.Cancelled, deliveries.ReasonExhausted, faultAttempts},
	}
}

// Deliver writes the call down, and answers as the recipient does.
func (w *faultWorld) Deliver(_ context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
	dir := filepath.Join(w.dir, d.ID.String())
	earlier, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		panic(err)
	}
	err = w.writeCall(filepath.Join(dir, strconv.Itoa(d.Attempt)), strconv.FormatBool(d.DuplicateRisk))
	if errors.Is(err, os.ErrExist) { // it was called for this attempt before, which calls will tell
		err = os.WriteFile(filepath.Join(dir, fmt.Sprint(d.Attempt, " again")), nil, 0o600)
		return deliveries.Receipt{}, err
	}
	if err != nil {
		panic(err)
	}
	for _, recipient := range faultRecipients() {
		if recipient.name == d.Recipient {
			return deliveries.Receipt{ID: fmt.Sprint(d.ID, " ", d.Attempt)}, recipient.answer(len(earlier) + 1)
		}
	}
	panic("nobody is called " + d.Recipient)
}

// writeCall makes a file that is not there yet, with all that is in it or not at all: the process may be killed meanwhile.
func (w *faultWorld) writeCall(path, text string) error {
	file, err := os.CreateTemp(w.dir, "call-")
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return errors.Join(os.Link(file.Name(), path), os.Remove(file.Name()))
}

// ledger is one of a process that may die at any time.
func (w *faultWorld) ledger(pool *pgxpool.Pool, consumer string, handling deliveries.Handling, rules ...deliveries.Rule) (*deliveries.Ledger, error) {
	return deliveries.New(pool, deliveries.Config{
		Consumer: consumer,
		Adapters: map[string]deliveries.Adapter{"": w},
		Rules:    rules,
		Policy: deliveries.Policy{
			MaxAttempts: faultAttempts, Ambiguous: handling, Backoff: deliveries.Backoff{Schedule: []time.Duration{0}},
		},
		PollInterval: 5 * time.Millisecond, Concurrency: 2,
	})
}

// pass has the time pass that leases and claims of dead processes last: nobody else is at work for that consumer.
func (w *faultWorld) pass(ctx context.Context, consumer string) error {
	_, err := w.pool.Exec(ctx, `UPDATE contrail.delivery_attempts a SET lease_until = now()
		FROM contrail.deliveries d WHERE a.delivery = d.id AND d.consumer = $1 AND a.outcome = 'started'`, consumer)
	_, errClaims := w.pool.Exec(ctx, `UPDATE contrail.deliveries SET claimed_until = now() WHERE consumer = $1 AND claimed_until > now()`, consumer)
	return errors.Join(err, errClaims)
}

// faultEvent is the same each time that it comes.
func faultEvent(consumer string) deliveries.Event {
	return deliveries.Event{Source: "/test", Recorded: contrail.Recorded{
		Position: 7, ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(consumer)), Stream: contrail.NewStreamID("invoice", "42"), Version: 1, Type: "InvoiceIssued",
		Data: json.RawMessage(`{"total":"12.50"}`), Metadata: contrail.Metadata{}, RecordedAt: time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC),
	}}
}

func faultTargets() []deliveries.Target {
	targets := make([]deliveries.Target, 0, len(faultRecipients()))
	for _, recipient := range faultRecipients() {
		targets = append(targets, deliveries.Target{Channel: "mail", Recipient: recipient.name})
	}
	return targets
}

// faultRow is a delivery with its attempts, and the calls that were made for it.
type faultRow struct {
	ID        uuid.UUID
	Recipient string
	State     deliveries.State
	Reason    deliveries.Reason
	Attempts  int
	Due       bool
	Tries     []faultTry
	calls     map[int]bool // by attempt: whether it was marked as a possible duplicate
}

type faultTry struct {
	Number  int                `json:"number"`
	Outcome deliveries.Outcome `json:"outcome"`
	Class   deliveries.Class   `json:"class"`
	Risk    bool               `json:"duplicate_risk"`
	Error   string             `json:"error"`
	Receipt string             `json:"receipt"`
}

// disowned tells that the process knows that it did not call: the attempt was begun, but it was not told so in time.
func (t faultTry) disowned() bool {
	return t.Outcome == deliveries.OutcomeFailed && t.Class == deliveries.ClassTemporary && strings.Contains(t.Error, "nothing was called")
}

// held tells whether it waits for a person.
func (r faultRow) held() bool {
	return r.State == deliveries.Failed && r.Reason == deliveries.ReasonAmbiguous && !r.Due
}

const faultRowsSQL = `
SELECT d.id, d.recipient, d.state, d.reason, d.attempts, d.due_at IS NOT NULL,
       coalesce((SELECT jsonb_agg(to_jsonb(a) ORDER BY number) FROM contrail.delivery_attempts a WHERE a.delivery = d.id), '[]')
FROM contrail.deliveries d WHERE consumer = $1 ORDER BY id`

func (w *faultWorld) rows(ctx context.Context, consumer string) ([]faultRow, error) {
	rows, err := w.pool.Query(ctx, faultRowsSQL, consumer)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r faultRow, err error) {
		if err := row.Scan(&r.ID, &r.Recipient, &r.State, &r.Reason, &r.Attempts, &r.Due, &r.Tries); err != nil {
			return r, err
		}
		r.calls, err = w.calls(r.ID)
		return r, err
	})
}

// calls returns which attempts of a delivery were calls, and whether they were marked as possible duplicates.
func (w *faultWorld) calls(id uuid.UUID) (map[int]bool, error) {
	files, err := os.ReadDir(filepath.Join(w.dir, id.String()))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	calls := make(map[int]bool, len(files))
	for _, file := range files {
		attempt, err := strconv.Atoi(file.Name())
		if err != nil {
			return nil, fmt.Errorf("delivery %s: one attempt was two calls: %w", id, err)
		}
		risk, err := os.ReadFile(filepath.Join(w.dir, id.String(), file.Name()))
		if err != nil {
			return nil, err
		}
		calls[attempt] = string(risk) == "true"
	}
	return calls, nil
}

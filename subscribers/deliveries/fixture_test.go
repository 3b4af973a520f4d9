package deliveries_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

const (
	waitFor      = 30 * time.Second
	sourceOfTest = "/contrail/test/01920000-0000-7000-8000-000000000001"
)

var errDown = errors.New("the mail server is down")

// fixture is a database with one ledger, whose adapter does what the test says.
type fixture struct {
	testing.TB

	pool   *pgxpool.Pool
	ledger *deliveries.Ledger
	config deliveries.Config

	calls    atomic.Int64
	position atomic.Int64
	mu       sync.Mutex
	answers  func(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error)
}

// newFixture has an adapter for every channel that succeeds until told otherwise, and tries again at once.
func newFixture(tb testing.TB, change func(*deliveries.Config)) *fixture {
	tb.Helper()
	return newFixtureOn(tb, pgtest.New(tb), change)
}

func newFixtureOn(tb testing.TB, pool *pgxpool.Pool, change func(*deliveries.Config)) *fixture {
	tb.Helper()
	f := &fixture{TB: tb, pool: pool}
	f.config = deliveries.Config{
		Consumer: "invoice-mail", Adapters: map[string]deliveries.Adapter{"": deliveries.AdapterFunc(f.deliver)},
		Policy:       deliveries.Policy{Backoff: deliveries.Backoff{Schedule: []time.Duration{0}}},
		PollInterval: 20 * time.Millisecond, RecoverInterval: 20 * time.Millisecond,
	}
	if change != nil {
		change(&f.config)
	}
	f.ledger = f.another()
	return f
}

// another ledger of the same consumer: as far as claims are concerned another process.
func (f *fixture) another() *deliveries.Ledger {
	f.Helper()
	ledger, err := deliveries.New(f.pool, f.config)
	require.NoError(f, err)
	return ledger
}

func (f *fixture) deliver(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
	f.calls.Add(1)
	f.mu.Lock()
	answers := f.answers
	f.mu.Unlock()
	if answers == nil {
		return deliveries.Receipt{ID: "r-" + d.Key()[:8], Response: "250 ok"}, nil
	}
	return answers(ctx, d)
}

// answer has the adapter do so from now on.
func (f *fixture) answer(answers func(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers = answers
}

func (f *fixture) fail(err error) {
	f.answer(func(context.Context, deliveries.Delivery) (deliveries.Receipt, error) {
		return deliveries.Receipt{}, err
	})
}

// event is another one of an invoice.
func (f *fixture) event() deliveries.Event {
	position := f.position.Add(1)
	return deliveries.From(contrail.Delivered[json.RawMessage]{
		Recorded: contrail.Recorded{
			Position: contrail.Position(position), ID: uuid.New(), Stream: contrail.NewStreamID("invoice", "42"), Version: position, Type: "InvoiceIssued",
			Data: json.RawMessage(`{"to":"ada@example.org"}`), Metadata: contrail.Metadata{contrail.KeyTenantID: "t-1"}, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
		},
		Delivery: contrail.Delivery{Consumer: "invoice-mail", Sequence: uint64(position), Attempt: 1, Source: sourceOfTest},
	})
}

func toAda() deliveries.Target { return deliveries.Target{Channel: "mail", Recipient: "contact-42"} }

func (f *fixture) plan(event deliveries.Event, targets ...deliveries.Target) {
	f.Helper()
	require.NoError(f, pgx.BeginFunc(f.Context(), f.pool, func(tx pgx.Tx) error { return f.ledger.Plan(f.Context(), tx, event, targets...) }))
}

// planned plans one delivery and returns its id.
func (f *fixture) planned() uuid.UUID {
	f.Helper()
	event := f.event()
	f.plan(event, toAda())
	return f.idOf(event)
}

// idOf is the delivery of an event that has one.
func (f *fixture) idOf(event deliveries.Event) (id uuid.UUID) {
	f.Helper()
	require.NoError(f, f.pool.QueryRow(f.Context(), `SELECT id FROM contrail.deliveries WHERE event = $1`, event.ID).Scan(&id))
	return id
}

// row is where a delivery stands.
type row struct {
	State    deliveries.State
	Reason   deliveries.Reason
	Attempts int
	Due      bool
	Risk     bool
}

func (f *fixture) row(id uuid.UUID) (r row) {
	f.Helper()
	err := f.pool.QueryRow(context.WithoutCancel(f.Context()), `SELECT state, reason, attempts, due_at IS NOT NULL, duplicate_risk FROM contrail.deliveries WHERE id = $1`, id).
		Scan((*string)(&r.State), (*string)(&r.Reason), &r.Attempts, &r.Due, &r.Risk)
	require.NoError(f, err)
	return r
}

// attempt is one as it is kept.
type attempt struct {
	Number   int
	Outcome  deliveries.Outcome
	Class    deliveries.Class
	Error    string
	Response string
	Receipt  string
	Risk     bool
	Late     *string
}

func (f *fixture) attempts(id uuid.UUID) []attempt {
	f.Helper()
	rows, err := f.pool.Query(f.Context(), `SELECT number, outcome, class, error, response, receipt, duplicate_risk, late->>'outcome' FROM contrail.delivery_attempts WHERE delivery = $1 ORDER BY number`, id)
	require.NoError(f, err)
	found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a attempt, err error) {
		return a, r.Scan(&a.Number, (*string)(&a.Outcome), (*string)(&a.Class), &a.Error, &a.Response, &a.Receipt, &a.Risk, &a.Late)
	})
	require.NoError(f, err)
	return found
}

// outcomes of a delivery's attempts, whose numbers have to be 1, 2, 3 and so on.
func (f *fixture) outcomes(id uuid.UUID) (all []string) {
	f.Helper()
	for i, a := range f.attempts(id) {
		require.Equal(f, i+1, a.Number)
		all = append(all, strings.TrimSpace(string(a.Outcome)+" "+string(a.Class)))
	}
	return all
}

// log is what was decided about a delivery, in order.
func (f *fixture) log(id uuid.UUID) []string {
	f.Helper()
	rows, err := f.pool.Query(f.Context(), `SELECT what || ': ' || because FROM contrail.delivery_log WHERE delivery = $1 ORDER BY number`, id)
	require.NoError(f, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(f, err)
	return found
}

func (f *fixture) exec(statement string, args ...any) {
	f.Helper()
	_, err := f.pool.Exec(f.Context(), statement, args...)
	require.NoError(f, err)
}

// run runs a ledger until the test ends or stop is called, and then wants no error.
func (f *fixture) run(ledger *deliveries.Ledger) (stop func()) {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- ledger.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		f.Helper()
		cancel()
		require.NoError(f, got(f, ended))
	})
	f.Cleanup(stop)
	return stop
}

// settled waits until a delivery is neither due nor under way.
func (f *fixture) settled(id uuid.UUID) row {
	f.Helper()
	var r row
	require.Eventually(f, func() bool {
		r = f.row(id)
		return !r.Due && r.State != deliveries.Dispatched
	}, waitFor, 5*time.Millisecond)
	return r
}

// attemptNow attempts a delivery that is in the lane.
func (f *fixture) attemptNow(id uuid.UUID) (deliveries.Result, error) {
	f.Helper()
	return f.ledger.Attempt(f.Context(), f.due(id), deliveries.AdapterFunc(f.deliver), deliveries.Policy{})
}

// due finds a delivery that was planned in the lane.
func (f *fixture) due(id uuid.UUID) deliveries.Due {
	f.Helper()
	next, err := f.ledger.Next(f.Context(), "lane", 0, 1000)
	require.NoError(f, err)
	for _, d := range next {
		if d.Delivery.ID == id {
			return d
		}
	}
	require.FailNow(f, "it has ended, or is in no lane")
	return deliveries.Due{}
}

// inLane plans a delivery that no dispatcher begins.
func (f *fixture) inLane() uuid.UUID {
	f.Helper()
	event, target := f.event(), toAda()
	target.Lane = "lane"
	f.plan(event, target)
	return f.idOf(event)
}

// expire lets the leases of all attempts under way be over.
func (f *fixture) expire() {
	f.Helper()
	f.exec(`UPDATE contrail.delivery_attempts SET lease_until = clock_timestamp() - interval '1 s' WHERE outcome = 'started'`)
}

func got[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(waitFor):
		require.FailNow(tb, "nothing comes")
		panic("unreachable")
	}
}

// logs keep what was logged.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

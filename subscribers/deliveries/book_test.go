package deliveries_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// book is a database whose deliveries go from state to state by the functions that a ledger calls, when a test says so.
type book struct {
	testing.TB

	pool *pgxpool.Pool
}

func newBook(tb testing.TB) book {
	tb.Helper()
	return book{tb, pgtest.New(tb)}
}

// planned is what a delivery is planned with. The zero value is an event of its own for contact-42, by mail, due now.
type planned struct {
	consumer, channel, recipient, tenant, lane, stream, kind string

	event uuid.UUID
	state deliveries.State  // suppressed, or pending
	why   deliveries.Reason // of what is deferred or suppressed
	due   time.Duration     // from now; zero: now
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func (b book) plan(p planned) uuid.UUID {
	b.Helper()
	id := uuid.Must(uuid.NewV7())
	var due *time.Time
	if p.due != 0 {
		due = new(time.Now().Add(p.due))
	}
	n := value[int](b, `SELECT contrail.delivery_plan(ROW($1, $2, 17, 18, $3, $4, $5, '{}')::contrail.delivery_events, ARRAY[$6::uuid], ARRAY[$7], ARRAY[$8],
		ARRAY[$9], ARRAY[$10], ARRAY[$11], ARRAY[$12::timestamptz], $13)`,
		or(p.consumer, "invoice-mail"), or(p.event, uuid.New()), or(p.stream, "invoice-42"), or(p.kind, "InvoiceIssued"), p.tenant, id, or(p.channel, "mail"),
		or(p.recipient, "contact-42"), p.lane, or(p.state, deliveries.Pending), p.why, due, process)
	require.Equal(b, 1, n)
	return id
}

const process = "host-1/4711/aabbccdd"

// begin begins the next attempt, of five, and returns its number.
func (b book) begin(id uuid.UUID) int {
	b.Helper()
	return value[int](b, `SELECT number FROM contrail.delivery_begin($1, $2, '1 minute', 5, 'hold', '1 hour')`, id, process)
}

// outcome is what became of an attempt, and what of its delivery.
type outcome struct {
	outcome         deliveries.Outcome
	class           deliveries.Class
	error           string
	response, known string
	state           deliveries.State
	reason          deliveries.Reason
	delay           time.Duration // zero: it has ended, or is held
	risk            bool
}

func temporary() outcome {
	return outcome{
		outcome: deliveries.OutcomeFailed, class: deliveries.ClassTemporary, error: "451 greylisted", state: deliveries.Failed, reason: deliveries.ReasonTemporary,
		delay: time.Hour,
	}
}

func ambiguous() outcome {
	return outcome{
		outcome: deliveries.OutcomeAmbiguous, error: "the connection broke", state: deliveries.Failed, reason: deliveries.ReasonAmbiguous, risk: true,
	}
}

func succeeded() outcome {
	return outcome{outcome: deliveries.OutcomeSucceeded, response: "250 queued", known: "m-1", state: deliveries.Succeeded}
}

func permanent() outcome {
	return outcome{
		outcome: deliveries.OutcomeFailed, class: deliveries.ClassPermanent, error: "550 no such template", state: deliveries.Cancelled,
		reason: deliveries.ReasonPermanent,
	}
}

// complete completes an attempt.
func (b book) complete(id uuid.UUID, attempt int, o outcome) {
	b.Helper()
	var delay *time.Duration
	if o.delay != 0 {
		delay = &o.delay
	}
	b.exec(`SELECT contrail.delivery_complete($1, $2, $3, $4, $5, $6, $7, $8, '1.5 seconds', $9, $10, $11, $12)`, id, attempt, process, o.outcome, o.class,
		o.error, o.response, o.known, o.state, o.reason, delay, o.risk)
}

// try begins an attempt and completes it.
func (b book) try(id uuid.UUID, o outcome) {
	b.Helper()
	b.complete(id, b.begin(id), o)
}

// comeDue makes it as late as it needs to be.
func (b book) comeDue(id uuid.UUID) {
	b.Helper()
	b.exec(`UPDATE contrail.deliveries SET due_at = clock_timestamp() - interval '1 second' WHERE id = $1`, id)
}

// die lets the process die that has an attempt under way, and its lease end.
func (b book) die(id uuid.UUID) {
	b.Helper()
	b.exec(`UPDATE contrail.delivery_attempts SET lease_until = clock_timestamp() - interval '1 second' WHERE delivery = $1 AND outcome = 'started'`, id)
}

// recover recovers one whose process has died: by hold, resend or cancel.
func (b book) recover(id uuid.UUID, fate string) {
	b.Helper()
	require.Equal(b, 1, value[int](b, `SELECT count(*) FROM contrail.delivery_recover(NULL, NULL, $1, $2, 'its lease is over', $3, 10)`, id, process, fate))
}

// decide puts off, suppresses or cancels what is due.
func (b book) decide(id uuid.UUID, state deliveries.State, why deliveries.Reason, delay time.Duration) {
	b.Helper()
	b.exec(`SELECT contrail.delivery_decide($1, $2, nullif($3, ''), $4, $4, NULL, $5)`, id, process, state, why, delay)
}

func (b book) claim(id uuid.UUID) {
	b.Helper()
	b.exec(`UPDATE contrail.deliveries SET claimed_by = $2, claimed_until = clock_timestamp() + interval '1 minute' WHERE id = $1`, id, process)
}

// age makes it long ago that a delivery has ended, whatever the database thinks of that.
func (b book) age(by string, ids ...uuid.UUID) {
	b.Helper()
	require.NoError(b, pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(b.Context(), `ALTER TABLE contrail.deliveries DISABLE TRIGGER deliveries_guard`)
		if err == nil {
			_, err = tx.Exec(b.Context(), `UPDATE contrail.deliveries SET changed_at = changed_at - $2::interval WHERE id = ANY($1)`, ids, by)
		}
		if err == nil {
			_, err = tx.Exec(b.Context(), `ALTER TABLE contrail.deliveries ENABLE TRIGGER deliveries_guard`)
		}
		return err
	}))
}

func (b book) exec(statement string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(context.WithoutCancel(b.Context()), statement, args...)
	require.NoError(b, err)
}

func value[T any](b book, query string, args ...any) (v T) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.WithoutCancel(b.Context()), query, args...).Scan(&v))
	return v
}

func (b book) explain(id uuid.UUID) deliveries.Timeline {
	b.Helper()
	timeline, err := deliveries.Explain(b.Context(), b.pool, id, deliveries.Scope{})
	require.NoError(b, err)
	return timeline
}

func (b book) redrive(id uuid.UUID, order deliveries.Order) deliveries.Decided {
	b.Helper()
	told, err := deliveries.Redrive(b.Context(), b.pool, id, order)
	require.NoError(b, err)
	return told
}

func (b book) cancel(id uuid.UUID) deliveries.Decided {
	b.Helper()
	told, err := deliveries.Cancel(b.Context(), b.pool, id, ada("paid by phone"))
	require.NoError(b, err)
	return told
}

func ada(because string) deliveries.Order { return deliveries.Order{By: "ada@ops", Because: because} }

// listed are the IDs of what is listed.
func listed(tb testing.TB, records iter.Seq2[deliveries.Record, error]) []uuid.UUID {
	tb.Helper()
	ids := []uuid.UUID{}
	for record, err := range records {
		require.NoError(tb, err)
		ids = append(ids, record.ID)
	}
	return ids
}

// happened is a timeline in short.
func happened(timeline deliveries.Timeline) []string {
	var all []string
	for _, entry := range timeline.Entries {
		text := string(entry.What)
		if entry.Attempt > 0 {
			text = fmt.Sprintf("%d %s", entry.Attempt, text)
		}
		words := []string{text, string(entry.Outcome), string(entry.Class), entry.By, entry.Because}
		all = append(all, strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" || word == process }), ", "))
	}
	return all
}

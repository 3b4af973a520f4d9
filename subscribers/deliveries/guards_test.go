package deliveries_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// in leaves a delivery in each state, by lawful means.
func (f *fixture) in(state deliveries.State) uuid.UUID {
	f.Helper()
	id := f.inLane()
	switch state {
	case deliveries.Pending:
		return id
	case deliveries.Dispatched:
		f.exec(`SELECT contrail.delivery_begin($1, 'test', interval '1 h', 5, 'hold', interval '0')`, id)
		return id
	case deliveries.Failed:
		f.fail(deliveries.Temporary(errDown))
	case deliveries.Suppressed:
		f.fail(contrail.Skip("read already"))
	case deliveries.Cancelled:
		f.fail(contrail.Permanent(errDown))
	case deliveries.Succeeded:
	}
	_, err := f.attemptNow(id)
	require.NoError(f, err)
	f.answer(nil)
	require.Equal(f, state, f.row(id).State)
	return id
}

// Whoever writes to the tables, the database keeps the rules.
func TestGuards(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	refused := func(id uuid.UUID, statement string) {
		t.Helper()
		_, err := f.pool.Exec(t.Context(), statement, id)
		refusal := new(pgconn.PgError)
		require.ErrorAs(t, err, &refusal, statement)
		require.Equal(t, "23514", refusal.Code, "%s: %s", statement, refusal.Message)
	}
	lawful := map[deliveries.State][]deliveries.State{
		deliveries.Pending:    {deliveries.Pending, deliveries.Dispatched, deliveries.Suppressed, deliveries.Cancelled},
		deliveries.Dispatched: {deliveries.Dispatched},
		deliveries.Failed:     {deliveries.Failed, deliveries.Dispatched, deliveries.Suppressed, deliveries.Cancelled},
	}
	for _, from := range deliveries.States() {
		id := f.in(from)
		for _, to := range deliveries.States() {
			allowed := false
			for _, state := range lawful[from] {
				allowed = allowed || state == to
			}
			if !allowed {
				refused(id, `UPDATE contrail.deliveries SET state = '`+string(to)+`', due_at = NULL WHERE id = $1`)
			}
		}
		refused(id, `UPDATE contrail.deliveries SET attempts = attempts + 1 WHERE id = $1`)
		refused(id, `UPDATE contrail.deliveries SET recipient = 'mallory' WHERE id = $1`)
		refused(id, `UPDATE contrail.deliveries SET tenant = 't-9' WHERE id = $1`)
		refused(id, `UPDATE contrail.deliveries SET forgiven = attempts + 1 WHERE id = $1`)
		refused(id, `INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, state, due_at)
SELECT gen_random_uuid(), 'c', event, 'mail', 'x', 'dispatched', NULL FROM contrail.deliveries WHERE id = $1`)
		refused(id, `INSERT INTO contrail.delivery_attempts (delivery, number, started_by, lease_until, duplicate_risk, lost, lost_delay)
SELECT id, attempts + 1, 'test', now(), false, 'hold', '0' FROM contrail.deliveries WHERE id = $1`)
		if !from.Ended() {
			refused(id, `DELETE FROM contrail.deliveries WHERE id = $1`)
			refused(id, `UPDATE contrail.deliveries SET state = 'dispatched', attempts = attempts + (state <> 'dispatched')::int, due_at = now() WHERE id = $1`)
		}
		if from == deliveries.Pending || from == deliveries.Failed {
			refused(id, `UPDATE contrail.deliveries SET state = 'dispatched', attempts = attempts + 1, due_at = NULL WHERE id = $1`) // without an attempt
		}
		if from != deliveries.Pending {
			refused(id, `DELETE FROM contrail.delivery_attempts WHERE delivery = $1`)
			refused(id, `UPDATE contrail.delivery_attempts SET number = number + 1 WHERE delivery = $1`)
		}
		if from != deliveries.Pending && from != deliveries.Dispatched {
			refused(id, `UPDATE contrail.delivery_attempts SET outcome = 'started', completed_at = NULL WHERE delivery = $1`)
			refused(id, `UPDATE contrail.delivery_attempts SET response = 'forged' WHERE delivery = $1`)
			refused(id, `UPDATE contrail.delivery_attempts SET late = '{}' WHERE delivery = $1`)
		}
		f.exec(`INSERT INTO contrail.delivery_log (delivery, what) VALUES ($1, 'held')`, id)
		refused(id, `UPDATE contrail.delivery_log SET because = 'forged' WHERE delivery = $1`)
		refused(id, `DELETE FROM contrail.delivery_log WHERE delivery = $1`)
	}
	pending, dispatched := f.in(deliveries.Pending), f.in(deliveries.Dispatched)
	refused(pending, `UPDATE contrail.deliveries SET due_at = NULL WHERE id = $1`)
	refused(dispatched, `UPDATE contrail.delivery_attempts SET outcome = 'succeeded' WHERE delivery = $1`)
	refused(dispatched, `UPDATE contrail.delivery_attempts SET late = '{}' WHERE delivery = $1`)
	f.exec(`UPDATE contrail.deliveries SET duplicate_risk = true WHERE id = $1`, pending)
	refused(pending, `UPDATE contrail.deliveries SET duplicate_risk = false WHERE id = $1`)
	f.exec(`DELETE FROM contrail.deliveries WHERE id = $1`, f.in(deliveries.Succeeded))
}

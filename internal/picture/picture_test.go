package picture_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/parked"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
)

// With everything running, and all that was appended handled, every part is known and nothing is wrong.
func TestAllIsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relay("here:1")
	w.relay("here:2")
	w.appended(3)
	w.until(func(p picture.Picture) bool { return p.Store != nil && p.Store.PublishedPosition == 3 })
	w.subscription("mail", handled)
	w.projection("statement", "test")
	found := w.until(func(p picture.Picture) bool {
		return len(p.Problems) == 0 && len(p.Relays) == 2 && len(p.Subscriptions) == 1 && p.Subscriptions[0].Lag == 0 && p.Subscriptions[0].Answered == 3 &&
			len(p.Projections) == 1 && p.Projections[0].Lag != nil && *p.Projections[0].Lag == 0 && p.InboxRows["mail"] == 3
	})
	require.Empty(t, found.Unknown)
	require.True(t, found.Postgres.Up && found.NATS.Up)
	require.NotEmpty(t, found.Postgres.Version)
	require.NotEmpty(t, found.NATS.Version)
	require.Zero(t, found.Store.LagEvents)
	require.EqualValues(t, 3, found.Store.Sequence)
	require.Len(t, found.Streams, 1)
	require.Equal(t, picture.Endpoints{Troubled: found.Webhooks.Troubled}, *found.Webhooks)
	require.Positive(t, found.Latency.Handle["mail"].P50)
	require.LessOrEqual(t, found.Latency.Handle["mail"].P50, found.Latency.Handle["mail"].Max)
	text, err := json.Marshal(found)
	require.NoError(t, err)
	require.NotContains(t, string(text), ":null,\"nats", "what is empty is told as empty")
	for _, empty := range []string{`"dead_letters":{}`, `"deliveries":[]`, `"runs":[]`, `"problems":[]`, `"unknown":[]`} {
		require.Contains(t, string(text), empty)
	}
}

// A broker that is away hides nothing of what the database knows: how far the relay has come it has written down.
func TestWithoutTheBroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.relay("here:1")
	w.appended(3)
	w.until(func(p picture.Picture) bool { return p.Store != nil && p.Store.PublishedPosition == 3 })
	stop()
	w.appended(2)
	require.NoError(t, w.server.Stop())
	found := w.until(func(p picture.Picture) bool { return !p.NATS.Up })
	require.NotNil(t, found.Store)
	require.EqualValues(t, 3, found.Store.PublishedPosition)
	require.EqualValues(t, 3, found.Store.Sequence)
	require.EqualValues(t, 2, found.Store.LagEvents)
	require.NotNil(t, found.Relays)
	require.NotNil(t, found.Projections)
	require.Nil(t, found.Subscriptions, "unknown, not none")
	require.Nil(t, found.DeadLetters)
	require.Len(t, found.Unknown, 1)
	require.Equal(t, "NATS", found.Unknown[0].What)
}

func TestWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.consumer(jetstream.ConsumerConfig{Durable: "mail", AckPolicy: jetstream.AckExplicitPolicy}, 2)
	w.pool = nowhere(w)
	found := w.read()
	require.False(t, found.Postgres.Up)
	require.NotEmpty(t, found.Postgres.Error)
	require.Nil(t, found.Store)
	require.Nil(t, found.Relays)
	require.Nil(t, found.Projections)
	require.Nil(t, found.Webhooks)
	require.Len(t, found.Subscriptions, 1)
	require.EqualValues(t, 2, found.Subscriptions[0].Lag)
	require.NotNil(t, found.DeadLetters)
}

// Without either there is nothing to say, unless somebody says why.
func TestWithoutServers(t *testing.T) {
	t.Parallel()
	found := picture.New(nil, nil, picture.Config{}).Read(t.Context())
	require.Empty(t, found.Problems)
	require.Len(t, found.Unknown, 2)
	found = picture.New(nil, nil, picture.Config{NoDatabase: errors.New("PostgreSQL is away"), NoBroker: errors.New("NATS is away")}).Read(t.Context())
	require.Equal(t, "PostgreSQL is away", found.Problems[0].What)
	require.Equal(t, "NATS is away", found.Problems[1].What)
}

// A part that takes too long is left out, and says so; the others are there.
func TestAPartThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config.Limits.Timeout = time.Second
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK contrail.webhooks`)
	require.NoError(t, err)
	found := w.until(func(p picture.Picture) bool { return len(p.Unknown) == 1 })
	require.Equal(t, picture.Unknown{What: "webhooks", Error: "no answer within 1s"}, found.Unknown[0])
	require.Nil(t, found.Webhooks)
	require.NotNil(t, found.Runs)
	require.NotNil(t, found.Store)
	require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context())))
	w.until(func(p picture.Picture) bool { return len(p.Unknown) == 0 && p.Webhooks != nil })
}

// What there is much of is counted so far and no further, and says so.
func TestCountsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config.Limits.Counted = 3
	w.appended(10)
	w.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason) SELECT 'EVENTS', n, 'a-1', 'parked', 'refused' FROM generate_series(100, 110) n`)
	store := w.read().Store
	require.EqualValues(t, 10, store.LagEvents)
	require.True(t, store.LagAbout)
	require.Equal(t, picture.Count{N: 3, AtLeast: true}, w.read().Parked[parked.Parked])

	// Where the relay has come to, what the next ones are that are all parked says nothing about those behind.
	w.exec(`INSERT INTO contrail.parked (relay, position, stream, state, reason) SELECT 'EVENTS', n, 'a-1', 'parked', 'refused' FROM generate_series(1, 5) n`,
		`INSERT INTO contrail.relays (stream, position) VALUES ('EVENTS', 5)`)
	store = w.read().Store
	require.EqualValues(t, 5, store.LagEvents)
	require.True(t, store.LagAbout)
	require.Positive(t, store.OldestUnpublishedSeconds)
	w.exec(`DELETE FROM contrail.parked WHERE position <= 5`)

	w.config.Limits.Counted = -1
	require.EqualValues(t, 10, w.read().Store.LagEvents)
	w.config.Limits.Counted = 20
	store = w.read().Store
	require.EqualValues(t, 10, store.LagEvents)
	require.False(t, store.LagAbout || store.OpenMore)
	require.Equal(t, picture.Count{N: 11}, w.read().Parked[parked.Parked])
	require.Equal(t, "11", w.read().Parked[parked.Parked].String())
}

// Deliveries that have ended are counted up to 1,000 of each state, the others further.
func TestDeliveriesAndRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`ALTER TABLE contrail.deliveries DISABLE TRIGGER USER`,
		`INSERT INTO contrail.delivery_events (consumer, id, position, sequence, stream, type) SELECT c, gen_random_uuid(), 1, 1, 'a-1', 'B' FROM unnest('{mail,webhooks}'::text[]) c`,
		`INSERT INTO contrail.deliveries (id, consumer, event, channel, recipient, state, due_at)
			SELECT gen_random_uuid(), consumer, id, 'mail', state || n, state, CASE state WHEN 'pending' THEN now() END FROM contrail.delivery_events,
				unnest('{pending,succeeded}'::text[]) state, generate_series(1, 1100) n`,
		`INSERT INTO contrail.runs (id, key, workflow, args, definition, state, due_at, ended_at)
			SELECT gen_random_uuid(), state || n, 'reminders', '{}', '{a}', state, CASE state WHEN 'ready' THEN now() END, CASE state WHEN 'finished' THEN now() END
			FROM unnest('{ready,finished}'::text[]) state, generate_series(1, 1100) n`)
	found := w.read()
	require.Len(t, found.Deliveries, 2)
	for n, consumer := range []string{"mail", "webhooks"} {
		ledger := found.Deliveries[n]
		require.Equal(t, consumer, ledger.Consumer)
		require.Equal(t, picture.Count{N: 1100}, ledger.States[deliveries.Pending])
		require.Equal(t, picture.Count{N: 1000, AtLeast: true}, ledger.States[deliveries.Succeeded])
		require.Equal(t, picture.Count{}, ledger.States[deliveries.Failed])
		require.Equal(t, picture.Count{}, ledger.Held)
	}
	require.Equal(t, []picture.Workflow{{Workflow: "reminders", States: map[steps.Status]picture.Count{
		steps.Ready: {N: 1100}, steps.Finished: {N: 1000, AtLeast: true},
	}}}, found.Runs)
}

// What a filtered projection has yet to read is counted by the broker, and not again where nothing has changed.
func TestLagOfAProjection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stream()
	w.forged("events.a.1.B", "events.b.1.B", "events.a.2.B")
	w.exec(`INSERT INTO contrail.projections (name, stream, subjects, sequence) VALUES ('all', 'EVENTS', '{}', 1), ('some', 'EVENTS', '{events.a.>}', 1), ('elsewhere', '', '{}', 0)`)
	found := w.read()
	require.Empty(t, found.Unknown)
	lags := map[string]int64{}
	for _, one := range found.Projections {
		if one.Lag != nil {
			lags[one.Name] = *one.Lag
		}
	}
	require.Equal(t, map[string]int64{"all": 2, "some": 1}, lags)

	w.config.Limits.Recount = time.Hour
	reader := w.reader(3 * time.Second)
	reader.Read(t.Context())
	w.exec(`UPDATE contrail.projections SET sequence = 3`)
	require.Zero(t, *reader.Read(t.Context()).Projections[2].Lag, "what has nothing to read is known without counting")
}

// Latencies are those of the relay that leads, and of the last events in each inbox.
func TestLatency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.well()
	require.Nil(t, w.read().Latency.Publish, "nothing was published yet")
	w.exec(`UPDATE contrail.relay_processes SET latency_p50 = 1, latency_p90 = 2, latency_p99 = 3, latency_max = 4`)
	w.appended(300)
	w.exec(`INSERT INTO contrail.inbox (consumer, position, handled_at) SELECT 'mail', position, recorded_at + interval '1 s' * (position - 100) FROM contrail.events WHERE position > 90`)
	found := w.read().Latency
	require.Equal(t, picture.Percentiles{P50: 1, P90: 2, P99: 3, Max: 4}, *found.Publish)
	require.InDelta(t, 200, found.Handle["mail"].Max, 0.01)
	require.InDelta(t, 100, found.Handle["mail"].P50, 1)
}

// A user of the role contrail_read sees every part.
func TestRoleThatReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, eventstore.GrantRoles(t.Context(), w.pool))
	w.exec(`INSERT INTO contrail.inbox (consumer, position) SELECT 'mail', n FROM generate_series(1, 3) n`, `INSERT INTO contrail.projections (name) VALUES ('statement')`)
	user, password := "login_"+strings.ToLower(rand.Text()), rand.Text()
	w.exec(`CREATE ROLE `+user+` LOGIN PASSWORD '`+password+`'`, `GRANT contrail_read TO `+user)
	owner := w.pool
	t.Cleanup(func() {
		_, err := owner.Exec(context.WithoutCancel(t.Context()), `DROP ROLE `+user)
		require.NoError(t, err)
	})
	config := w.pool.Config()
	config.ConnConfig.User, config.ConnConfig.Password = user, password
	theirs, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer theirs.Close()
	w.pool = theirs
	found := w.read()
	require.Empty(t, found.Unknown)
	require.EqualValues(t, 3, found.InboxRows["mail"])
	require.Len(t, found.Projections, 1)
}

// The status is that of package publisher where nothing is bounded.
func TestStatusIsThatOfThePublisher(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.appended(4)
	want, err := publisher.ReadStatus(t.Context(), w.pool, w.js, "EVENTS")
	require.NoError(t, err)
	got := *w.read().Store
	require.InDelta(t, want.OldestUnpublishedSeconds, got.OldestUnpublishedSeconds, patience.Seconds())
	want.OldestUnpublishedSeconds, got.OldestUnpublishedSeconds = 0, 0
	require.Equal(t, want, got)
	require.EqualValues(t, 4, got.LagEvents)
}

// Dead letters are those of real subscriptions.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relay("here:1")
	w.appended(2)
	w.subscription("mail", func(contrail.Delivered[counted]) error { return contrail.Permanent(errors.New("no such address")) })
	found := w.until(func(p picture.Picture) bool { return p.DeadLetters["mail"] == 2 })
	require.Equal(t, map[string]int64{"mail": 2}, found.DeadLetters)
	require.EqualValues(t, 2, found.Subscriptions[0].DeadLetters)
	require.Equal(t, "deadletters", subscribers.DeadLetterPrefix("DEADLETTERS"))
}

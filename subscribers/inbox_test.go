package subscribers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers"
)

func TestInboxSurvivesKillBetweenCommitAndAck(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 50
	w.publishMany(t, count, 5)
	w.killAfterCommit(t, pool, "subscription")
	before, _ := effects(t, pool)
	require.NotZero(t, before)

	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), AckWait: shortWait})
	subscribers.HandleTx(sub, takeEffect)
	run(t, sub)
	w.settled(t)
	events, times := effects(t, pool)
	require.Equal(t, count, events)
	require.Equal(t, count, times, "an event took effect twice")
	stats := sub.Stats()
	require.GreaterOrEqual(t, stats.Duplicates, int64(before), "a commit of the killed process may have arrived after the count")
	require.EqualValues(t, count, stats.Duplicates+stats.Handled)
}

// The same event twice in the stream: the window for deduplication was too short.
func TestInboxRecognisesAnEventPublishedTwice(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	event := w.event("invoice-1", drafted{N: 1})
	w.send(t, event)
	again := event
	again.ID[0]++ // another message id
	w.send(t, again)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool)})
	subscribers.HandleTx(sub, takeEffect)
	run(t, sub)
	w.settled(t)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{1, 1}, [2]int{events, times})
	require.Equal(t, int64(1), sub.Stats().Duplicates)
}

// One event that fails takes none of those down that shared its transaction.
func TestOneCulpritInABatch(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	const count = 200
	w.publishMany(t, count, 20)
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), Concurrency: 2})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		if err := takeEffect(ctx, tx, e); err != nil {
			return err
		}
		switch e.Data.N {
		case 57: // an error of the database that the handler swallows
			_, _ = tx.Exec(ctx, `SELECT 1/0`)
		case 101:
			return contrail.Permanent(errors.New("bad invoice"))
		case 150:
			return contrail.Skip("not ours")
		}
		return nil
	})
	run(t, sub)
	w.settled(t)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count - 2, count - 2}, [2]int{events, times})
	letters := w.deadLetters(t)
	require.Len(t, letters, 2)
	for _, letter := range letters {
		if letter.Reason == subscribers.ReasonExhausted {
			require.Equal(t, 8, letter.Deliveries)
			require.Contains(t, letter.Error, "commit")
		} else {
			require.Equal(t, subscribers.ReasonPermanent, letter.Reason)
		}
	}
	stats := sub.Stats()
	require.Equal(t, int64(count-3), stats.Handled)
	require.Equal(t, map[string]int64{"not ours": 1}, stats.SkipReasons)
	require.Equal(t, int64(7), stats.Retried)
}

// A database that is away is nobody's fault: no event loses a delivery over it.
func TestDatabaseOutageBurnsNoDeliveries(t *testing.T) {
	t.Parallel()
	w, server := newWorld(t), pgtest.Server(t, localstack.PostgresConfig{})
	pool, err := pgxpool.New(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = eventstore.Migrate(t.Context(), pool)
	require.NoError(t, err)
	createEffects(t, pool)

	const count = 40
	logged := newLog()
	sub := w.subscribe(t, subscribers.Config{
		Inbox: subscribers.NewInbox(pool), MaxDeliver: 2, AckWait: 3 * shortWait, Logger: logged.logger(),
	})
	var calls atomic.Int64
	inHandler, resume := make(chan struct{}, count), make(chan struct{})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		if calls.Add(1) == 1 {
			inHandler <- struct{}{}
			<-resume
		}
		return takeEffect(ctx, tx, e)
	})
	run(t, sub)
	w.publishMany(t, count, count)
	receive(t, inHandler)
	require.NoError(t, server.Stop())
	close(resume)
	for range 20 { // many more tries than deliveries
		logged.await(t, "the database is out of reach")
	}
	require.NoError(t, server.Restart(t.Context()))
	w.settled(t)
	events, times := effects(t, pool)
	require.Equal(t, [2]int{count, count}, [2]int{events, times})
	require.Equal(t, int64(count), sub.Stats().Delivered)
	require.Empty(t, w.deadLetters(t))
}

// A handler that spoils its connection or its transaction and returns nil is to blame itself, and the database is not.
func TestHandlerThatSpoilsItsTransaction(t *testing.T) {
	t.Parallel()
	const canceledCommit = `CREATE TEMP TABLE slow (n int) ON COMMIT DROP;
CREATE FUNCTION pg_temp.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''canceled'' USING ERRCODE = ''57014''; END';
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.slow();
INSERT INTO slow VALUES (1)`
	for name, spoiler := range map[string]struct {
		spoil func(ctx context.Context, tx pgx.Tx) error
		want  string
	}{
		"connection closed": {func(ctx context.Context, tx pgx.Tx) error { return tx.Conn().Close(ctx) }, "closed or busy: conn closed"},
		"rolled back":       {func(ctx context.Context, tx pgx.Tx) error { return tx.Rollback(ctx) }, "neither commits nor rolls back its transaction"},
		"committed":         {func(ctx context.Context, tx pgx.Tx) error { return tx.Commit(ctx) }, "neither commits nor rolls back its transaction"},
		"error swallowed": {func(ctx context.Context, tx pgx.Tx) error {
			ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond) // enough for the server to have begun
			defer cancel()
			_, _ = tx.Exec(ctx, `SELECT pg_sleep(3)`)
			return nil
		}, "closed or busy: conn closed"},
		"rows left open": {func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Query(ctx, `SELECT 1`) //nolint:rowserrcheck,sqlclosecheck // the fault that is tried
			return err
		}, "closed or busy: conn busy"},
		"commit canceled": {func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, canceledCommit)
			return err
		}, "commit: ERROR: canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, pool := newWorld(t), pgtest.New(t)
			createEffects(t, pool)
			const count = 40
			w.publishMany(t, count, 10)
			sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(pool), MaxDeliver: 3})
			subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
				if e.Data.N == 7 {
					return spoiler.spoil(ctx, tx)
				}
				return takeEffect(ctx, tx, e)
			})
			run(t, sub)
			w.settled(t)
			letters := w.deadLetters(t)
			require.Len(t, letters, 1)
			require.Equal(t, subscribers.ReasonExhausted, letters[0].Reason)
			require.Equal(t, 3, letters[0].Deliveries)
			require.Contains(t, letters[0].Error, spoiler.want)
			events, times := effects(t, pool)
			require.Equal(t, [2]int{count - 1, count - 1}, [2]int{events, times})
		})
	}
}

// The connection is lost on the way back from the commit: the event was handled, and is neither handled again nor a dead letter, even where one
// delivery is all it gets.
func TestCommitThatIsInDoubt(t *testing.T) {
	t.Parallel()
	w, pool := newWorld(t), pgtest.New(t)
	createEffects(t, pool)
	config := pool.Config()
	var armed atomic.Bool
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &cutAtCommit{Conn: conn, armed: &armed}, err
	}
	fragile, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer fragile.Close()
	sub := w.subscribe(t, subscribers.Config{Inbox: subscribers.NewInbox(fragile), MaxDeliver: 1, Concurrency: 1, InboxBatch: 1})
	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
		armed.Store(true)
		return takeEffect(ctx, tx, e)
	})
	w.publish(t, "invoice-1", drafted{}) // one, since what fails of many is first tried one by one
	run(t, sub)
	w.settled(t)
	require.False(t, armed.Load(), "a commit was cut off")
	require.Empty(t, w.deadLetters(t))
	events, times := effects(t, pool)
	require.Equal(t, [2]int{1, 1}, [2]int{events, times})
}

// cutAtCommit is a connection that is lost when the server has answered a commit, once it is armed.
type cutAtCommit struct {
	net.Conn

	armed      *atomic.Bool
	committing atomic.Bool
}

func (c *cutAtCommit) Write(text []byte) (int, error) {
	c.committing.Store(bytes.Contains(text, []byte("commit\x00")) && c.armed.CompareAndSwap(true, false))
	return c.Conn.Write(text)
}

func (c *cutAtCommit) Read(to []byte) (int, error) {
	n, err := c.Conn.Read(to)
	if c.committing.Load() {
		return 0, io.EOF
	}
	return n, err
}

package invoicing_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// shaky is a service that does what it is asked, and then is sometimes not able to say so.
type shaky struct {
	invoicing.Service

	fails func(posting invoicing.Posting, attempt int) error // counted from 1, for each posting

	mu       sync.Mutex
	attempts map[string]int
}

func (s *shaky) Create(ctx context.Context, posting invoicing.Posting) (invoicing.Made, error) {
	s.mu.Lock()
	if s.attempts == nil {
		s.attempts = map[string]int{}
	}
	s.attempts[posting.Kind()+posting.Ref()]++
	attempt := s.attempts[posting.Kind()+posting.Ref()]
	s.mu.Unlock()
	made, err := s.Service.Create(ctx, posting)
	if failure := s.fails(posting, attempt); failure != nil {
		return invoicing.Made{}, failure
	}
	return made, err
}

// What was done without an answer is not done again, and counts as done.
func TestImportIsPatient(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	service := &shaky{Service: newLocal(t, pool), fails: func(_ invoicing.Posting, attempt int) error {
		if attempt == 1 {
			return &invoicing.UnavailableError{Err: errors.New("connection reset")}
		}
		return nil
	}}
	_, summary, err := runImport(t, service, book(6), invoicing.ImportConfig{})
	require.NoError(t, err)
	require.True(t, summary.OK())
	require.Equal(t, 6, summary.Created)
	require.Equal(t, invoicing.Created{New: 3}, summary.Contacts)
	requireOnce(t, pool, 6)
}

// Connections that are cut, wherever a transaction stands, cost no line and make none twice.
func TestImportOutlastsItsConnections(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
	lines := invoicing.Lines(strings.NewReader(book(60)), invoicing.InputConfig{})
	summary, err := invoicing.Import(t.Context(), newLocal(t, pool), lines, invoicing.ImportConfig{}, func(one invoicing.Outcome) error {
		if one.Line%10 == 0 {
			_, _ = pool.Exec(t.Context(), cut) // it may have been cut as well
		}
		return nil
	})
	require.NoError(t, err)
	require.True(t, summary.OK(), summary)
	require.Equal(t, 60, summary.Created)
	requireOnce(t, pool, 60)
}

// A process that was frozen in the middle of a transaction finds its session ended by the server, for the sake of those who wait for its locks.
func TestImportOutlastsBeingFrozen(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	config := pool.Config()
	config.MaxConns = 1
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "200ms"
	config.ConnConfig.RuntimeParams["application_name"] = "frozen"
	impatient, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(impatient.Close)
	reached, thawed := make(chan struct{}), make(chan struct{})
	freeze := sync.OnceFunc(func() {
		close(reached)
		<-thawed
	})
	services, err := invoicing.NewServices(gated{Transactor: newTransactor(t, impatient), uncommitted: func() error {
		freeze()
		return nil
	}}, time.Now, domain.Config{})
	require.NoError(t, err)
	imported := make(chan error, 1)
	go func() {
		lines := invoicing.Lines(strings.NewReader(book(6)), invoicing.InputConfig{})
		summary, err := invoicing.Import(t.Context(), invoicing.NewLocal(services, actor), lines, invoicing.ImportConfig{}, func(one invoicing.Outcome) error {
			if one.Status != invoicing.LineCreated {
				return errors.New(one.Text())
			}
			return nil
		})
		if err == nil && !summary.OK() {
			err = errors.New("a line is missing")
		}
		imported <- err
	}()
	<-reached
	require.Eventually(t, func() bool {
		var sessions int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'frozen'`).Scan(&sessions)
		return err == nil && sessions == 0
	}, patience, 5*time.Millisecond)
	close(thawed)
	require.NoError(t, <-imported)
	requireOnce(t, pool, 6)
}

func TestImportGivesUp(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	broken := errors.New("disk on fire")
	service := &shaky{Service: newLocal(t, pool), fails: func(posting invoicing.Posting, _ int) error {
		switch {
		case posting.Kind() != invoice.Category:
			return nil
		case posting.Ref() == "i-1":
			return &invoicing.UnavailableError{Err: broken}
		case posting.Ref() >= "i-4" && posting.Ref() <= "i-7":
			return broken
		}
		return nil
	}}
	config := invoicing.ImportConfig{Clients: 1, Patience: 100 * time.Millisecond, MaxFailed: 3}
	all, summary, err := runImport(t, service, book(9), config)
	require.ErrorIs(t, err, invoicing.ErrGivenUp)
	require.EqualError(t, err, "one line after another has failed, 3 of them up to line 7: disk on fire")
	require.Equal(t, "created failed created created failed failed failed", all.statuses())
	require.Contains(t, all[1].Reason, ", within 100ms: disk on fire; import it again later")
	require.False(t, summary.Complete)
	require.Equal(t, 4, summary.Failed)
	_, summary, err = runImport(t, newLocal(t, pool), book(9), invoicing.ImportConfig{})
	require.NoError(t, err)
	require.True(t, summary.OK())
	requireOnce(t, pool, 9)
}

// A service that asks for more patience than there is is not asked again.
func TestImportHeedsRetryAfter(t *testing.T) {
	t.Parallel()
	service := &shaky{Service: newLocal(t, newPool(t)), fails: func(invoicing.Posting, int) error {
		return &invoicing.UnavailableError{After: time.Hour, Err: errors.New("closed for the night")}
	}}
	all, _, err := runImport(t, service, line(0), invoicing.ImportConfig{})
	require.NoError(t, err)
	require.Equal(t, "failed", all.statuses())
	require.Contains(t, all[0].Text(), "its organisation: given up at attempt 1, within 1m0s: closed for the night")
}

// crowded counts who is served at once.
type crowded struct {
	invoicing.Service

	now, most atomic.Int64
}

func (c *crowded) Create(ctx context.Context, posting invoicing.Posting) (invoicing.Made, error) {
	now := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	return c.Service.Create(ctx, posting)
}

func TestImportPostsNoMoreAtOnceThanItMay(t *testing.T) {
	t.Parallel()
	service := &crowded{Service: newLocal(t, newPool(t))}
	all, summary, err := runImport(t, service, book(60), invoicing.ImportConfig{Clients: 3})
	require.NoError(t, err)
	require.True(t, summary.OK())
	for n, one := range all {
		require.Equal(t, n+1, one.Line, "lines are told of in their order")
	}
	require.LessOrEqual(t, service.most.Load(), int64(3))
	require.Greater(t, service.most.Load(), int64(1))
}

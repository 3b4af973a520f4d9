package deliveries_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

const (
	roleVariable     = "DELIVERIES_TEST_ROLE"
	databaseVariable = "DELIVERIES_TEST_DATABASE"
)

// The points at which a process is killed.
const (
	beforeBegin    = "before it has begun"
	begun          = "when it has begun, and not called"
	inCall         = "in the call"
	beforeComplete = "behind the call, before the outcome is written"
	completed      = "when the outcome is written"
)

// Whatever the point at which a process is killed: a delivery that was not begun is sent by another process; one that may have taken effect waits for a person, or is
// sent again, marked; and one whose outcome stands there is not touched.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	held := row{State: deliveries.Failed, Reason: deliveries.ReasonAmbiguous, Attempts: 1, Risk: true}
	once, twice := row{State: deliveries.Succeeded, Attempts: 1}, row{State: deliveries.Succeeded, Attempts: 2, Risk: true}
	for _, c := range []struct {
		point    string
		handling deliveries.Handling
		expected row
		effects  int
		outcomes []string
	}{
		{beforeBegin, deliveries.Hold, once, 1, []string{"succeeded"}},
		{beforeBegin, deliveries.Resend, once, 1, []string{"succeeded"}},
		{begun, deliveries.Hold, held, 0, []string{"ambiguous"}},
		{begun, deliveries.Resend, twice, 1, []string{"ambiguous", "succeeded"}},
		{inCall, deliveries.Hold, held, 1, []string{"ambiguous"}},
		{inCall, deliveries.Resend, twice, 2, []string{"ambiguous", "succeeded"}},
		{beforeComplete, deliveries.Hold, held, 1, []string{"ambiguous"}},
		{beforeComplete, deliveries.Resend, twice, 2, []string{"ambiguous", "succeeded"}},
		{completed, deliveries.Hold, once, 1, []string{"succeeded"}},
	} {
		t.Run(c.point+", "+string(c.handling), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(config *deliveries.Config) { config.Policy.Ambiguous = c.handling })
			f.exec(`CREATE TABLE effects (key uuid)`)
			f.answer(func(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
				return deliveries.Receipt{}, takeEffect(ctx, f.pool, d)
			})
			id := f.planned()
			f.kill(c.point + "|" + string(c.handling))
			f.exec(`UPDATE contrail.deliveries SET claimed_until = now() - interval '1 s' WHERE state IN ('pending', 'failed') AND claimed_until IS NOT NULL`)
			f.expire()
			f.run(f.ledger)
			require.Equal(t, c.expected, f.settled(id))
			require.Equal(t, c.outcomes, f.outcomes(id))
			var effects int
			require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT count(*) FROM effects WHERE key = $1`, id).Scan(&effects))
			require.Equal(t, c.effects, effects)
		})
	}
}

func takeEffect(ctx context.Context, pool *pgxpool.Pool, d deliveries.Delivery) error {
	_, err := pool.Exec(ctx, `INSERT INTO effects VALUES ($1)`, d.ID)
	return err
}

// kill runs a process until it says that it is at the point, and kills it.
func (f *fixture) kill(role string) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), waitFor)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), roleVariable+"="+role, databaseVariable+"="+f.pool.Config().ConnString())
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(f, err)
	require.NoError(f, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(f, err)
	require.Equal(f, "there\n", line)
	require.NoError(f, child.Process.Kill())
	require.ErrorContains(f, child.Wait(), "killed")
}

// runChild is the process that is killed: it goes on to its point, says so, and no further.
func runChild(role string) {
	point, handling, _ := strings.Cut(role, "|")
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv(databaseVariable))
	exitOn(err)
	ledger, err := deliveries.New(childDB{pool, point}, deliveries.Config{
		Consumer: "invoice-mail", Policy: deliveries.Policy{Ambiguous: deliveries.Handling(handling), Backoff: deliveries.Backoff{Schedule: []time.Duration{0}}},
		Adapters: map[string]deliveries.Adapter{"": deliveries.AdapterFunc(func(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
			exitOn(takeEffect(ctx, pool, d))
			if point == inCall {
				stop()
			}
			return deliveries.Receipt{}, nil
		})},
	})
	exitOn(err)
	exitOn(ledger.Run(ctx))
}

func stop() {
	fmt.Println("there")
	select {}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// childDB stops at a statement: before it is sent, or when it is done.
type childDB struct {
	*pgxpool.Pool

	point string
}

func (d childDB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	begins, completes := strings.Contains(sql, "delivery_begin("), strings.Contains(sql, "delivery_complete(")
	if begins && d.point == beforeBegin || completes && d.point == beforeComplete {
		stop()
	}
	return childRow{d.Pool.QueryRow(ctx, sql, args...), begins && d.point == begun || completes && d.point == completed}
}

type childRow struct {
	pgx.Row

	last bool
}

func (r childRow) Scan(dest ...any) error {
	err := r.Row.Scan(dest...)
	if r.last {
		exitOn(err)
		stop()
	}
	return err
}

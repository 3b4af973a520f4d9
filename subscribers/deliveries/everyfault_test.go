package deliveries_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/pgfault"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

const faultChildVariable = "DELIVERIES_FAULT_CHILD"

// faultProgram is one of the ways to have deliveries performed. It returns when all have ended or are held, or with the first error; then
// it is for others to go on.
type faultProgram struct {
	name  string
	rules []deliveries.Rule
	run   func(ctx context.Context, w *faultWorld, pool *pgxpool.Pool, ledger *deliveries.Ledger, consumer string) error
}

func faultPrograms() []faultProgram {
	return []faultProgram{
		{"deliver", nil, faultDeliver},
		{"rules", []deliveries.Rule{deliveries.Cap(1000, time.Hour)}, faultDeliver}, // asked in a transaction, which begins the attempt
		{"run", nil, faultRun},
	}
}

// faultDeliver is a handler that plans and sends by itself.
func faultDeliver(ctx context.Context, _ *faultWorld, _ *pgxpool.Pool, ledger *deliveries.Ledger, consumer string) error {
	return ledger.Deliver(ctx, faultEvent(consumer), faultTargets()...)
}

// faultRun is a handler that plans, and a dispatcher.
func faultRun(ctx context.Context, w *faultWorld, pool *pgxpool.Pool, ledger *deliveries.Ledger, consumer string) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return ledger.Plan(ctx, tx, faultEvent(consumer), faultTargets()...)
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- ledger.Run(running) }()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	var before []faultRow
	for idle := 0; ; {
		select {
		case err := <-ended:
			return fmt.Errorf("the dispatcher has ended by itself: %w", err)
		case <-look.C:
		}
		rows, err := w.rows(ctx, consumer)
		if idle++; !reflect.DeepEqual(rows, before) {
			idle = 0
		}
		before = rows
		if err != nil || idle == faultIdle || !slices.ContainsFunc(rows, func(r faultRow) bool { return r.Due }) { // what is dispatched is in hand, or lost
			stop()
			return errors.Join(err, <-ended)
		}
	}
}

// faultIdle is how often a dispatcher is seen to get no further before it is stopped: what it has claimed without knowing it, it would begin later.
const faultIdle = 40

// complete has a program run again and again, as processes do that are started anew, until nothing is left but what is held.
func (w *faultWorld) complete(ctx context.Context, pool *pgxpool.Pool, program faultProgram, consumer string, handling deliveries.Handling) error {
	var err error
	for range 30 {
		if err = w.once(ctx, pool, program, consumer, handling); err == nil {
			rows, err := w.rows(ctx, consumer)
			if err != nil || !slices.ContainsFunc(rows, func(r faultRow) bool { return !r.State.Ended() && !r.held() }) {
				return err
			}
		}
		if err := w.pass(ctx, consumer); err != nil {
			return err
		}
	}
	return fmt.Errorf("it does not come to an end: %w", err)
}

func (w *faultWorld) once(ctx context.Context, pool *pgxpool.Pool, program faultProgram, consumer string, handling deliveries.Handling) error {
	ledger, err := w.ledger(pool, consumer, handling, program.rules...)
	if err != nil {
		return err
	}
	if _, err := ledger.Recover(ctx); err != nil {
		return err
	}
	return program.run(ctx, w, pool, ledger, consumer)
}

// verify requires what holds whatever has broken: attempts without a gap, each call on record, an unknown outcome followed by no call that is not
// marked, and none at all while it is held.
func (w *faultWorld) verify(t *testing.T, consumer string, handling deliveries.Handling) []faultRow {
	t.Helper()
	rows, err := w.rows(t.Context(), consumer)
	require.NoError(t, err)
	require.Len(t, rows, len(faultRecipients()), "each is planned once")
	for _, row := range rows {
		require.Len(t, row.Tries, row.Attempts)
		unknown := false
		for i, try := range row.Tries {
			require.Equal(t, i+1, try.Number, "attempts are numbered without a gap: %+v", row)
			require.NotEqual(t, deliveries.OutcomeStarted, try.Outcome, "%+v", row)
			require.Equal(t, unknown, try.Risk, "attempt %d: a possible duplicate is marked, and nothing else is: %+v", try.Number, row)
			if risk, called := row.calls[try.Number]; called {
				require.Equal(t, try.Risk, risk, "the adapter is told of it")
			} else {
				require.True(t, try.Outcome == deliveries.OutcomeAmbiguous || try.disowned(), "no other outcome without a call: %+v", row)
			}
			unknown = unknown || try.Outcome == deliveries.OutcomeAmbiguous || try.Class == deliveries.ClassUnknown
			if try.Outcome == deliveries.OutcomeAmbiguous {
				require.True(t, handling == deliveries.Resend || i == len(row.Tries)-1, "what is held is not begun by itself: %+v", row)
			} else if try.Class != deliveries.ClassUnknown && !try.disowned() { // a panic has no receipt
				require.Equal(t, fmt.Sprint(row.ID, " ", try.Number), try.Receipt)
			}
		}
		for number := range row.calls {
			require.LessOrEqual(t, number, row.Attempts, "each call has its attempt: %+v", row)
		}
	}
	return rows
}

// verifyEnds requires that each recipient's delivery has come to where it belongs, but for those that are held.
func (w *faultWorld) verifyEnds(t *testing.T, rows []faultRow, broken bool) (held []faultRow) {
	t.Helper()
	for _, recipient := range faultRecipients() {
		at := slices.IndexFunc(rows, func(r faultRow) bool { return r.Recipient == recipient.name })
		require.GreaterOrEqual(t, at, 0)
		row := rows[at]
		if row.held() {
			held = append(held, row)
			continue
		}
		require.Equal(t, recipient.state, row.State, "%+v", row)
		require.Equal(t, recipient.reason, row.Reason, "%+v", row)
		if !broken {
			require.Len(t, row.calls, recipient.calls, recipient.name)
		}
	}
	return held
}

// redrive is a person who has each of them sent again.
func (w *faultWorld) redrive(t *testing.T, held []faultRow) {
	t.Helper()
	for _, row := range held {
		decided, err := deliveries.Redrive(t.Context(), w.pool, row.ID, deliveries.Order{By: faultBy, Because: "the provider does not know it"})
		require.NoError(t, err)
		require.True(t, decided.Changed)
		require.True(t, decided.DuplicateRisk)
	}
}

// survive has a program run through faults, and requires that the ledger is right for all that.
func (w *faultWorld) survive(t *testing.T, program faultProgram, handling deliveries.Handling, faults ...pgfault.Fault) {
	t.Helper()
	consumer := fmt.Sprint(program.name, handling, faults)
	pool, network, err := pgfault.Open(context.WithoutCancel(t.Context()), w.url, faults...)
	require.NoError(t, err)
	defer pool.Close()
	require.NoError(t, w.complete(t.Context(), pool, program, consumer, handling))
	if network.Struck() > 0 {
		t.Log("broken:", network.Statements()[faults[0].Trip-1])
	}
	w.settle(t, program, consumer, handling)
}

// settle goes on with what is left when a program has run, or its process has died.
func (w *faultWorld) settle(t *testing.T, program faultProgram, consumer string, handling deliveries.Handling) {
	t.Helper()
	rows := w.verify(t, consumer, handling)
	held := w.verifyEnds(t, rows, true)
	require.True(t, handling == deliveries.Hold || len(held) == 0, "nothing is held that is to be sent again: %+v", held)
	w.redrive(t, held)
	require.NoError(t, w.complete(t.Context(), w.pool, program, consumer, handling))
	rows, err := w.rows(t.Context(), consumer)
	require.NoError(t, err)
	require.Empty(t, w.verifyEnds(t, rows, true), "what a person has sent again comes to its end")
	for _, row := range held {
		require.Greater(t, len(w.mustCall(t, row)), len(row.calls))
	}

	require.NoError(t, w.complete(t.Context(), w.pool, program, consumer, handling))
	after, err := w.rows(t.Context(), consumer)
	require.NoError(t, err)
	require.Equal(t, rows, after, "the end is the end")
}

// mustCall returns the calls of a delivery now, of which those behind an unknown outcome are marked.
func (w *faultWorld) mustCall(t *testing.T, row faultRow) map[int]bool {
	t.Helper()
	calls, err := w.calls(row.ID)
	require.NoError(t, err)
	for number, risk := range calls {
		require.True(t, risk || number <= row.Attempts, "a person has redriven it behind attempt %d: %v", row.Attempts, calls)
	}
	return calls
}

// trips has a program run without a fault, and returns how many round trips that takes.
func (w *faultWorld) trips(t *testing.T, program faultProgram, handling deliveries.Handling) int {
	t.Helper()
	consumer := fmt.Sprint(program.name, handling)
	pool, network, err := pgfault.Open(t.Context(), w.url)
	require.NoError(t, err)
	defer pool.Close()
	require.NoError(t, w.complete(t.Context(), pool, program, consumer, handling))
	require.Empty(t, w.verifyEnds(t, w.verify(t, consumer, handling), false))
	require.Greater(t, network.Trips(), 2*len(faultRecipients()), "fewer can't be all: %v", network.Statements())
	return network.Trips()
}

// everyCase calls do for each program and each way to handle unknown outcomes.
func everyCase(t *testing.T, do func(t *testing.T, w *faultWorld, program faultProgram, handling deliveries.Handling)) {
	t.Helper()
	for _, program := range faultPrograms() {
		for _, handling := range []deliveries.Handling{deliveries.Hold, deliveries.Resend} {
			t.Run(program.name+"/"+string(handling), func(t *testing.T) {
				t.Parallel()
				do(t, newFaultWorld(t, pgtest.NewURL(t)), program, handling)
			})
		}
	}
}

// A fault at every statement: each call that was made has its attempt, numbers have no gap, what has ended stays so, and nothing is sent twice unmarked. In its
// short form at some, for all programs but one.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	everyCase(t, func(t *testing.T, w *faultWorld, program faultProgram, handling deliveries.Handling) {
		t.Helper()
		trips := w.trips(t, program, handling)
		some := 6
		if program.name == "deliver" && handling == deliveries.Hold {
			some = trips
		}
		for _, trip := range faultSample(trips, some) {
			for _, mode := range pgfault.Modes() {
				fault := pgfault.Fault{Trip: trip, Mode: mode}
				t.Run(fault.String(), func(t *testing.T) {
					t.Parallel()
					w.survive(t, program, handling, fault)
				})
			}
		}
	})
}

// Two faults: the second one strikes while the first one is being dealt with, or later. In its long form at every first trip.
func TestEveryTwoFaults(t *testing.T) {
	t.Parallel()
	everyCase(t, func(t *testing.T, w *faultWorld, program faultProgram, handling deliveries.Handling) {
		t.Helper()
		for _, first := range faultSample(w.trips(t, program, handling), 3) {
			modes := pgfault.Modes()
			faults := []pgfault.Fault{{Trip: first, Mode: modes[rand.N(2)]}, {Trip: first + 1 + rand.N(8), Mode: modes[rand.N(2)]}}
			t.Run(fmt.Sprint(faults), func(t *testing.T) {
				t.Parallel()
				w.survive(t, program, handling, faults...)
			})
		}
	})
}

// A process that is killed at every statement, and others that go on. In its short form at some.
func TestEveryKill(t *testing.T) {
	t.Parallel()
	everyCase(t, func(t *testing.T, w *faultWorld, program faultProgram, handling deliveries.Handling) {
		t.Helper()
		for _, trip := range faultSample(w.trips(t, program, handling), 2) {
			for _, mode := range pgfault.Modes() {
				fault := pgfault.Fault{Trip: trip, Mode: mode}
				t.Run(fault.String(), func(t *testing.T) {
					t.Parallel()
					consumer := "killed " + fault.String()
					faultChild{URL: w.url, Dir: w.dir, Program: program.name, Consumer: consumer, Handling: handling, Fault: fault}.run(t)
					require.NoError(t, w.pass(t.Context(), consumer))
					require.NoError(t, w.complete(t.Context(), w.pool, program, consumer, handling))
					w.settle(t, program, consumer, handling)
				})
			}
		}
	})
}

// faultSample is every trip in the long form, and otherwise some of them.
func faultSample(last, some int) []int {
	if os.Getenv("CONTRAIL_LONG") != "" {
		some = last
	}
	return pgfault.Sample(last, some)
}

// faultChild is a process that kills itself at a round trip.
type faultChild struct {
	URL, Dir, Program, Consumer string
	Handling                    deliveries.Handling
	Fault                       pgfault.Fault
}

// run waits for the child's death. A dispatcher looks for what is due as time passes, so that it may have made fewer round trips.
func (c faultChild) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), faultPatience)
	defer cancel()
	told, err := json.Marshal(c)
	require.NoError(t, err)
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFaultChild$", "-test.v")
	child.Env = append(os.Environ(), faultChildVariable+"="+string(told))
	said, err := child.CombinedOutput()
	if err != nil || c.Program != "run" {
		require.ErrorContains(t, err, "killed", "it says: %s", said)
	}
	require.NoError(t, ctx.Err(), "it was to kill itself; it says: %s", said)
}

// TestFaultChild is the child.
func TestFaultChild(t *testing.T) { //nolint:paralleltest // it is alone in its process
	told := os.Getenv(faultChildVariable)
	if told == "" {
		return
	}
	var c faultChild
	require.NoError(t, json.NewDecoder(strings.NewReader(told)).Decode(&c))
	c.Fault.Kill = pgfault.KillSelf
	w, err := openFaultWorld(t.Context(), c.URL, c.Dir)
	require.NoError(t, err)
	defer w.pool.Close()
	pool, _, err := pgfault.Open(t.Context(), c.URL, c.Fault)
	require.NoError(t, err)
	defer pool.Close()
	program := faultPrograms()[slices.IndexFunc(faultPrograms(), func(p faultProgram) bool { return p.name == c.Program })]
	require.NoError(t, w.complete(t.Context(), pool, program, c.Consumer, c.Handling))
}

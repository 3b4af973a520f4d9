package subscribers_test

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

const (
	modelTimeout = 500 * time.Millisecond
	modelRetry   = 5 * time.Millisecond
)

// modelCall is a call of a handler.
type modelCall struct {
	process, event, round, attempt int
	verdict                        modelVerdict // empty until it is known
}

// modelRun carries a plan out and writes down what the handlers did.
type modelRun struct {
	plan    modelPlan
	world   *world
	pool    *pgxpool.Pool
	inbox   *subscribers.Inbox
	release chan struct{} // closed at the end: who is stuck goes on

	mu    sync.Mutex
	round []int // of each event
	calls []*modelCall
}

// process is a subscription that runs, and all that it was before it was restarted.
type process struct {
	run    *modelRun
	number int
	past   []*subscribers.Subscription
	cancel context.CancelFunc
	ended  chan error
}

func (r *modelRun) start(ctx context.Context, t *rapid.T, number int) *process {
	p := &process{run: r, number: number}
	p.begin(ctx, t)
	return p
}

func (p *process) begin(ctx context.Context, t *rapid.T) {
	plan := &p.run.plan
	sub, err := subscribers.New(p.run.world.js, subscribers.Config{
		Durable: "test", Inbox: p.run.inbox, MaxDeliver: plan.maxDeliver, Concurrency: plan.concurrency, InboxBatch: plan.batch, AckWait: shortWait,
		HandlerTimeout: modelTimeout, Backoff: subscribers.Backoff{Min: modelRetry, Max: 4 * modelRetry}, DrainTimeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.register(sub)
	p.past = append(p.past, sub)
	ctx, p.cancel = context.WithCancel(ctx)
	p.ended = make(chan error, 1)
	go func() { p.ended <- sub.Run(ctx) }()
}

func (p *process) end(t *rapid.T) {
	p.cancel()
	select {
	case err := <-p.ended:
		if err != nil {
			t.Fatalf("process %d: %v", p.number, err)
		}
	case <-time.After(patience):
		t.Fatalf("process %d does not end", p.number)
	}
}

const modelEffectSQL = `INSERT INTO effects (position) VALUES ($1)`

func (p *process) register(sub *subscribers.Subscription) {
	switch p.run.plan.form {
	case formTx:
		subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[drafted]) error {
			return p.handle(ctx, e, func() error {
				_, err := tx.Exec(ctx, modelEffectSQL, e.Position)
				return err
			})
		})
	case formSQL:
		subscribers.HandleSQL(sub, func(ctx context.Context, tx *sql.Tx, e contrail.Delivered[drafted]) error {
			return p.handle(ctx, e, func() error {
				_, err := tx.ExecContext(ctx, modelEffectSQL, int64(e.Position))
				return err
			})
		})
	default:
		subscribers.Handle(sub, func(ctx context.Context, e contrail.Delivered[drafted]) error {
			return p.handle(ctx, e, func() error {
				if !p.run.verdictOn(e).succeeds() { // there is nothing that would take it back
					return nil
				}
				_, err := p.run.pool.Exec(ctx, modelEffectSQL, e.Position)
				return err
			})
		})
	}
}

func (r *modelRun) verdictOn(e contrail.Delivered[drafted]) modelVerdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan.verdict(e.Data.N, r.round[e.Data.N], e.Delivery.Attempt)
}

// handle does what the plan says, and notes it first. What the plan does not foresee, such as a slow machine, counts as an error.
func (p *process) handle(ctx context.Context, e contrail.Delivered[drafted], effect func() error) error {
	verdict := p.run.verdictOn(e)
	call := p.run.note(p.number, e)
	if err := effect(); err != nil {
		p.run.conclude(call, modelError)
		return err
	}
	p.run.conclude(call, verdict)
	switch verdict {
	case modelOK:
		return nil
	case modelSkip:
		return contrail.Skip("by plan")
	case modelPanic:
		panic("by plan")
	case modelGoexit:
		runtime.Goexit()
	case modelPermanent:
		return contrail.Permanent(errBroken)
	case modelLater:
		return contrail.RetryAfter(modelRetry, errBroken)
	case modelError:
		return errBroken
	case modelOverrun:
		<-ctx.Done()
		return context.Cause(ctx)
	case modelStuck:
		<-p.run.release
		return errors.New("too late")
	}
	return nil
}

func (r *modelRun) note(process int, e contrail.Delivered[drafted]) *modelCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	call := &modelCall{process: process, event: e.Data.N, round: r.round[e.Data.N], attempt: e.Delivery.Attempt}
	r.calls = append(r.calls, call)
	return call
}

func (r *modelRun) conclude(call *modelCall, verdict modelVerdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call.verdict = verdict
}

func (r *modelRun) called() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

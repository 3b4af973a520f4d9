package command

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
)

// Store is what a handler needs of an [*eventstore.Store].
type Store interface {
	Load(ctx context.Context, db eventstore.Querier, stream contrail.StreamID, from int64) iter.Seq2[contrail.Recorded, error]
	Append(
		ctx context.Context, tx pgx.Tx, stream contrail.StreamID, expected eventstore.ExpectedVersion, events ...contrail.Event,
	) ([]contrail.Recorded, error)
}

// DB begins transactions: a *pgxpool.Pool or a *pgx.Conn. A pgx.Tx is none, for the transaction is retried as a whole; it goes to
// [Handler.HandleTx].
type DB interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Handler runs commands on the aggregates of one category. It holds no connection, and serves any number of goroutines.
type Handler[S, C any, E contrail.Payload] struct {
	store     Store
	decider   Decider[S, C, E]
	config    Config
	snapshots snapshots[S]
}

// Result is what a command did.
type Result[S any] struct {
	State   S                   // after it
	Version int64               // of the aggregate's last event; 0: there is none
	Events  []contrail.Recorded // that were appended, in order; none when nothing was decided
}

// New returns a handler, or an error that names every faulty argument and field.
func New[S, C any, E contrail.Payload](store Store, decider Decider[S, C, E], config Config) (*Handler[S, C, E], error) {
	var missing error
	if concrete, ok := store.(*eventstore.Store); store == nil || ok && concrete == nil {
		missing = errors.New("command.New: store is nil")
	}
	state := reflect.TypeFor[S]()
	config = config.withDefaults(state)
	if err := errors.Join(missing, decider.validate(), config.validate(state)); err != nil {
		return nil, err
	}
	return &Handler[S, C, E]{store: store, decider: decider.withDefaults(), config: config, snapshots: newSnapshots[S](config)}, nil
}

// Handle runs a command on the aggregate with this id, in a transaction of its own at READ COMMITTED. When another was faster, or
// PostgreSQL ended the transaction for a deadlock or as not serializable, the whole is done again, up to [Config].Attempts times in all.
// What is due as a snapshot is written after the commit.
//
// Errors: Decide's and Decode's, wrapped with the stream and never tried again; [contrail.ErrConflict] when the attempts are used up, or at
// once with [AtVersion]; what [eventstore.Store.Append] and [eventstore.Store.Load] return. An error of the commit itself may hide that it
// succeeded, as ever. The end of ctx ends the retries; where it comes between two, the error wraps its cause and the last conflict.
func (h *Handler[S, C, E]) Handle(ctx context.Context, db DB, id string, command C, options ...Option) (Result[S], error) {
	task, err := h.task(id, command, options)
	if err != nil {
		return Result[S]{}, err
	}
	if db == nil {
		return Result[S]{}, fmt.Errorf("handle %s: db is nil", task.stream)
	}
	var done outcome[S]
	err = h.config.retry(ctx, task.mayBeginAnew, func() (err error) {
		done, err = task.inOwnTransaction(ctx, db)
		return err
	})
	if err != nil {
		return Result[S]{}, err
	}
	if h.snapshots.isDue(done) {
		h.snapshots.save(ctx, db, task.stream, done.aggregate)
	}
	return done.result(), nil
}

// HandleTx runs a command on the aggregate with this id, in the caller's transaction, which it never ends: the events, and a snapshot that
// is due, stand when tx commits. It sees what tx has done. When another was faster, the aggregate is loaded and decided upon again within
// tx, up to [Config].Attempts times in all.
//
// Errors are those of [Handler.Handle]. tx is still good after one of Decide's, and after an [*eventstore.ConflictError] whose Actual is
// known. At REPEATABLE READ and SERIALIZABLE a faster rival aborts tx, which only its owner can begin again: the ConflictError, with -1 as
// Actual, comes at once. After any other error roll tx back.
func (h *Handler[S, C, E]) HandleTx(ctx context.Context, tx pgx.Tx, id string, command C, options ...Option) (Result[S], error) {
	task, err := h.task(id, command, options)
	if err != nil {
		return Result[S]{}, err
	}
	if tx == nil {
		return Result[S]{}, fmt.Errorf("handle %s: %w: it is nil", task.stream, eventstore.ErrTransactionAborted)
	}
	var done outcome[S]
	err = h.config.retry(ctx, task.mayGoOn, func() (err error) {
		done, err = task.in(ctx, tx)
		return err
	})
	if err != nil {
		return Result[S]{}, err
	}
	if h.snapshots.isDue(done) {
		h.snapshots.saveTx(ctx, tx, task.stream, done.aggregate)
	}
	return done.result(), nil
}

// Load returns the state and the version of the aggregate with this id: the initial state and 0 when it has no event. db is a pool, a
// connection or a transaction. Errors are Decode's and those of [eventstore.Store.Load].
func (h *Handler[S, C, E]) Load(ctx context.Context, db eventstore.Querier, id string) (state S, version int64, err error) {
	stream := contrail.NewStreamID(h.decider.Category, id)
	if err := stream.Validate(); err != nil {
		return state, 0, fmt.Errorf("load %s: %w", stream, err)
	}
	if db == nil {
		return state, 0, fmt.Errorf("load %s: db is nil", stream)
	}
	loaded, err := h.load(ctx, db, stream, aggregate[S]{})
	if err != nil {
		return state, 0, err
	}
	return loaded.state, loaded.version, nil
}

// load brings what is known of an aggregate up to date. With a snapshot it takes two statements, and between them the stream may grow, or
// the snapshot go: the state is the one of the version it comes with all the same, since events neither change nor go, and the append
// tells whether the version is still the last.
func (h *Handler[S, C, E]) load(ctx context.Context, db eventstore.Querier, stream contrail.StreamID, known aggregate[S]) (aggregate[S], error) {
	current := known
	if current.version == 0 {
		var err error
		if current, err = h.snapshots.read(ctx, db, stream); err != nil {
			return aggregate[S]{}, err
		}
	}
	if current.version == 0 {
		current.state = h.decider.Initial()
	}
	for recorded, err := range h.store.Load(ctx, db, stream, current.version+1) {
		if err != nil {
			return aggregate[S]{}, err
		}
		if err := h.decider.apply(&current, recorded); err != nil {
			return aggregate[S]{}, err
		}
	}
	return current, nil
}

package eventstore_test

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// prepared is a transaction that no session holds any more, and that one or another has to finish.
type prepared struct {
	name  string
	page  *page
	known bool // that it was prepared: the answer came
}

// prepareAndPassOn prepares a transaction, which another session finishes a little later.
func (w *stormWriter) prepareAndPassOn(ctx context.Context) error {
	left, err := w.prepare(ctx, w.preparedStream())
	if left == nil {
		return err
	}
	verb := "COMMIT"
	if w.random.IntN(5) == 0 {
		verb = "ROLLBACK"
	}
	after := time.Duration(w.random.IntN(60)) * time.Millisecond
	w.writing.Go(func() {
		pause(ctx, after)
		w.finish(ctx, left, verb)
	})
	return err
}

// prepare appends and prepares. When the answer does not come it returns both: a transaction that may be there, and the error.
func (s *storm) prepare(ctx context.Context, stream contrail.StreamID) (*prepared, error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }() // for the driver: the session is in no transaction any more when all went well
	page := s.ledger.begin()
	_, err = tx.Exec(ctx, `SET LOCAL contrail.notify = off`) // a transaction that has notified can't be prepared
	if err == nil {
		err = s.append(ctx, tx, stream, page)
	}
	if err != nil {
		_ = tx.Rollback(ctx)
		page.end(rolledBack)
		return nil, err
	}
	left := &prepared{name: uuid.NewString(), page: page}
	_, err = tx.Exec(ctx, `PREPARE TRANSACTION '`+left.name+`'`)
	if err != nil && !isLost(err) {
		page.end(rolledBack)
		return nil, err
	}
	left.known = err == nil
	return left, err
}

// preparedStream is mostly the writer's own, and sometimes one that others then wait for.
func (w *stormWriter) preparedStream() contrail.StreamID {
	if w.random.IntN(4) == 0 {
		return contrail.NewStreamID("shared", strconv.Itoa(w.random.IntN(20)))
	}
	return contrail.NewStreamID("prepared", strconv.Itoa(w.number))
}

// finish ends a prepared transaction, however often it has to ask: a crash may come in between.
func (s *storm) finish(ctx context.Context, left *prepared, verb string) {
	outcome := rolledBack
	if verb == "COMMIT" {
		outcome = committed
	}
	for asked := 0; ; asked++ {
		_, err := s.pool.Exec(ctx, verb+` PREPARED '`+left.name+`'`)
		switch {
		case err == nil:
			left.page.end(outcome)
		case sqlState(err) == "42704" && left.known && asked > 0: // it is not there: an earlier question was heard, its answer lost
			left.page.end(outcome)
		case sqlState(err) == "42704" && !left.known: // it may never have been there
			if outcome == committed {
				outcome = doubtful
			}
			left.page.end(outcome)
		case sqlState(err) == "42704":
			s.fault(errors.New("a prepared transaction is gone"))
		case s.survives(ctx, verb+" PREPARED", err):
			continue
		}
		return
	}
}

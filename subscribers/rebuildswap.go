package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// relayPause is how long the relay is given to write down what it has published, before it is looked for again.
const relayPause = 50 * time.Millisecond

// relayPatience is how often in a row, before a person is told.
const relayPatience = 40

const (
	// The live batch waits for this lock, and Pause does. The rest locks what nobody else is at.
	haltSQL = `SELECT position, sequence, paused_at IS NOT NULL FROM contrail.projections WHERE name = $1 FOR NO KEY UPDATE`

	patienceSQL = `SELECT current_setting('search_path'), set_config('statement_timeout', '0', true),
		set_config('idle_in_transaction_session_timeout', '5min', true)`

	livePathSQL = `SELECT set_config('search_path', concat_ws(', ', $1::text, nullif($2::text, '')), true)`

	forgetGapsSQL = `DELETE FROM contrail.projection_gaps WHERE projection = $1`

	rebuiltSQL = `UPDATE contrail.projections SET rebuilds = rebuilds + 1, rebuilt_position = $2 WHERE name = $1`

	doneSQL = `UPDATE contrail.rebuilds SET state = 'done', position = $3, target = $3, events = events + $4, error = '',
		updated_at = clock_timestamp(), finished_at = clock_timestamp() WHERE projection = $1 AND id = $2::uuid`
)

// swap is one try to replace the read model.
type swap struct {
	*rebuilder

	tx      pgx.Tx
	live    checkpoint // where the live projection waits
	ownPath string     // the session's search path
	events  int64      // that the handler was given
}

// swap replaces the read model, in one transaction in which the live projection waits. False: not yet, since the relay has not written down all that
// the projection has met in the stream.
func (r *rebuilder) swap(ctx context.Context) (done bool, err error) {
	s := swap{rebuilder: r}
	err = pgx.BeginTxFunc(ctx, r.conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		s.tx = tx
		if err := s.halt(ctx); err != nil {
			return err
		}
		if err := s.checkStore(ctx, s.source(s.tx), s.live); err != nil {
			return err
		}
		if done, err = s.isWrittenDown(ctx); err != nil || !done {
			return err
		}
		if err := s.complete(ctx); err != nil {
			return err
		}
		return s.replace(ctx)
	})
	if err != nil || !done {
		return false, err
	}
	tell(r.replaced)
	r.onRebuild.swapped()
	r.config.Logger.InfoContext(ctx, "the read model is rebuilt", slog.String("projection", r.config.Name),
		slog.Int64("position", int64(s.live.position)))
	return true, nil
}

// halt has the live projection wait where it is.
func (s *swap) halt(ctx context.Context) error {
	if err := s.tx.QueryRow(ctx, patienceSQL).Scan(&s.ownPath, nil, nil); err != nil {
		return fmt.Errorf("replace the read model: %w", err)
	}
	var paused bool
	err := s.tx.QueryRow(ctx, haltSQL, s.config.Name).Scan(&s.live.position, &s.live.sequence, &paused)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errSuperseded
	case err != nil:
		return fmt.Errorf("halt the live projection: %w", unmigrated(err))
	case paused:
		return errPaused
	case s.live.position < s.at: // by hand: what follows would be projected twice
		return misconfigured("the checkpoint was set back, to position %d, while the read model was rebuilt up to %d: ask for it again", s.live.position, s.at)
	}
	return s.advance(ctx, s.tx, page{through: s.at}, s.live.position)
}

// isWrittenDown tells whether the relay has written down what it has published as far as the projection has come in the stream: it does so after
// the broker has acknowledged, and the projection may be faster. Where the checkpoint is not about the stream as it is now, nothing depends on it.
func (s *swap) isWrittenDown(ctx context.Context) (bool, error) {
	written, err := s.survey(ctx, s.source(s.tx))
	if err != nil || written >= s.live.sequence {
		return true, err
	}
	stream, err := s.js.Stream(ctx, s.config.Stream)
	if err != nil {
		return false, fmt.Errorf("look up stream %s: %w", s.config.Stream, err)
	}
	same, err := holds(ctx, stream, s.live)
	return !same, err
}

// complete brings in what is still to come up to the checkpoint: events that the relay had left out when it was their turn, and then the last ones.
func (s *swap) complete(ctx context.Context) error {
	left, err := s.shadow.leftOut(ctx, s.tx)
	if err != nil {
		return err
	}
	for positions := range slices.Chunk(left, s.config.Batch) {
		read, err := s.late(ctx, s.source(s.tx), s.live.sequence, positions)
		if err == nil {
			err = s.shadow.takeIn(ctx, s.tx, read.events)
		}
		if err == nil {
			err = s.take(ctx, read)
		}
		if err != nil {
			return err
		}
	}
	for at := s.at; at < s.live.position; {
		read, err := s.read(ctx, s.source(s.tx), span{at, s.live})
		if err == nil {
			err = s.take(ctx, read)
		}
		if err != nil {
			return err
		}
		at = read.through
	}
	return nil
}

func (s *swap) take(ctx context.Context, read page) error {
	s.events += int64(len(read.events))
	return s.add(ctx, s.tx, read)
}

// replace replaces the content of the live tables, and the gaps with it. Their triggers find what they find when the live projection writes.
func (s *swap) replace(ctx context.Context) error {
	fits, err := s.shadow.fits(ctx, s.tx)
	switch {
	case err != nil:
		return err
	case !fits:
		return errors.New("the read model's tables have changed while they were rebuilt")
	}
	if _, err := s.tx.Exec(ctx, livePathSQL, s.tables.path(), s.ownPath); err != nil {
		return fmt.Errorf("replace the read model: %w", err)
	}
	if err := s.shadow.replace(ctx, s.tx); err != nil {
		return err
	}
	if err := s.writeDown(ctx); err != nil {
		return fmt.Errorf("write down that the read model is replaced: %w", unmigrated(err))
	}
	s.onRebuild.swapping()
	return s.shadow.drop(ctx, s.tx)
}

func (s *swap) writeDown(ctx context.Context) error {
	name := s.config.Name
	_, err := s.tx.Exec(ctx, forgetGapsSQL, name)
	if err == nil {
		_, err = s.tx.Exec(ctx, s.shadow.keepGapsSQL(), name)
	}
	if err == nil {
		_, err = s.tx.Exec(ctx, rebuiltSQL, name, s.live.position)
	}
	if err == nil {
		_, err = s.tx.Exec(ctx, doneSQL, name, s.request, s.live.position, s.events)
	}
	return err //nolint:wrapcheck // replace does
}

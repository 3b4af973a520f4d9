package jsonl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// commitGrace is how long a commit that has begun may take when ctx ends.
const commitGrace = 10 * time.Second

// commit does not let go when ctx ends, since then nobody would know what became of it. It does not believe pgconn.SafeToRetry: where the
// connection breaks behind a COMMIT that was sent, pgx may say that the connection was closed before.
func commit(ctx context.Context, tx pgx.Tx) error {
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-patient.Done():
		case <-time.After(commitGrace):
			cancel()
		}
	})()
	err := tx.Commit(patient)
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return nil
	case refused && !strings.HasPrefix(refusal.Code, "57P"), // a session that is ended says so with 57P…
		errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, pgx.ErrTxClosed):
		return fmt.Errorf("commit: %w", err)
	}
	return fmt.Errorf("%w: commit: %w", ErrInDoubt, err)
}

package invoicing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
)

// answerSQL walks the primary key.
const answerSQL = `SELECT fingerprint, stream, first_version, last_version FROM invoicing.answers WHERE tenant_id = $1 AND key = $2`

// Answer implements [domain.Answers].
func (s session) Answer(ctx context.Context, tenantID, key string) (domain.Answer, bool, error) {
	answer := domain.Answer{TenantID: tenantID, Key: key}
	var fingerprint []byte
	var stream string
	err := s.tx.QueryRow(ctx, answerSQL, tenantID, key).Scan(&fingerprint, &stream, &answer.First, &answer.Last)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return domain.Answer{}, false, nil
	case err != nil:
		return domain.Answer{}, false, fmt.Errorf("read the answers: %w", err)
	}
	copy(answer.Fingerprint[:], fingerprint)
	answer.Stream, err = contrail.ParseStreamID(stream)
	return answer, err == nil, err
}

// keepSQL waits for a rival with the same primary key, and then yields.
const keepSQL = `INSERT INTO invoicing.answers (tenant_id, key, fingerprint, stream, first_version, last_version)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`

// Keep implements [domain.Answers].
func (s session) Keep(ctx context.Context, answer domain.Answer) error {
	kept, err := s.tx.Exec(ctx, keepSQL, answer.TenantID, answer.Key, answer.Fingerprint[:], answer.Stream.String(), answer.First, answer.Last)
	switch {
	case err != nil:
		return fmt.Errorf("write the answer: %w", err)
	case kept.RowsAffected() == 0:
		return fmt.Errorf("the key was answered meanwhile: %w", contrail.ErrConflict)
	}
	return nil
}

// pruneSQL locks the rows that it deletes, and relies on the index on created_at. Rows that another process is deleting are left to it.
const pruneSQL = `DELETE FROM invoicing.answers WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM invoicing.answers WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))`

// pruneBatch is how many answers one statement deletes.
const pruneBatch = 1000

// PruneAnswers deletes the answers that were kept longer ago than olderThan by the database's clock, and returns how many. From then on their
// keys are unknown: a command that comes again is done again. It deletes a batch at a time, each in a transaction of its own, so that
// it may run beside the services and be broken off; what it returns beside an error was deleted.
func PruneAnswers(ctx context.Context, pool *pgxpool.Pool, olderThan time.Duration) (int64, error) {
	if olderThan < 0 {
		return 0, fmt.Errorf("prune the answers: olderThan is %s: give 0 for all that are kept, or more", olderThan)
	}
	var all int64
	for {
		deleted, err := pool.Exec(ctx, pruneSQL, olderThan, pruneBatch)
		if err != nil {
			return all, fmt.Errorf("prune the answers: %w", translate(err))
		}
		all += deleted.RowsAffected()
		if deleted.RowsAffected() < pruneBatch {
			return all, nil
		}
	}
}

package subscribers

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// standing is how a projection stands when a process begins to read: what its row says, and its gaps.
type standing struct {
	at       checkpoint
	began    checkpoint // see evidence
	rebuilds int64
	rebuilt  contrail.Position
	gaps     map[contrail.Position]bool
}

// By primary keys. None takes a lock for longer than a statement, and nobody but the active process writes what these do.
const (
	createSQL = `INSERT INTO contrail.projections AS p (name, stream, subjects) VALUES ($1, $2, $3::text[])
		ON CONFLICT (name) DO UPDATE SET stream = excluded.stream, subjects = excluded.subjects
		WHERE (p.stream, p.subjects) IS DISTINCT FROM (excluded.stream, excluded.subjects)`

	loadSQL = `SELECT position, sequence, began_position, began_sequence, rebuilds, rebuilt_position FROM contrail.projections WHERE name = $1`

	gapsSQL = `SELECT position FROM contrail.projection_gaps WHERE projection = $1`

	beginSQL = `UPDATE contrail.projections SET began_position = $4, began_sequence = $5 WHERE name = $1 AND position = $2 AND sequence = $3`
)

// load reads how the projection stands, and creates its row if it is new.
func (p *Projection) load(ctx context.Context) (standing, error) {
	if _, err := p.pool.Exec(ctx, createSQL, p.config.Name, p.config.Stream, p.interest.filters); err != nil {
		return standing{}, fmt.Errorf("create the checkpoint: %w", unmigrated(err))
	}
	s := standing{gaps: map[contrail.Position]bool{}}
	err := pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, loadSQL, p.config.Name).Scan(
			&s.at.position, &s.at.sequence, &s.began.position, &s.began.sequence, &s.rebuilds, &s.rebuilt)
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		rows, _ := tx.Query(ctx, gapsSQL, p.config.Name) // CollectRows returns its error
		gaps, err := pgx.CollectRows(rows, pgx.RowTo[contrail.Position])
		for _, gap := range gaps {
			s.gaps[gap] = true
		}
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return standing{}, fmt.Errorf("read the checkpoint: %w", unmigrated(err))
	}
	if s.rebuilt > s.at.position { // somebody has set the checkpoint back by hand, and means it
		s.rebuilt = 0
	}
	return s, nil
}

// begin returns what is known about a reading that goes on behind the checkpoint, or starts at the stream's beginning. A reading that goes on
// where an earlier one was interrupted, whichever process that was in, knows what that knew.
func (p *Projection) begin(ctx context.Context, s standing, last uint64, goesOn bool) (evidence, error) {
	if !goesOn || s.began == (checkpoint{}) {
		s.began = checkpoint{s.at.position, last}
		tag, err := p.pool.Exec(ctx, beginSQL, p.config.Name, s.at.position, s.at.sequence, s.began.position, s.began.sequence)
		if err != nil {
			return evidence{}, fmt.Errorf("write down where the reading begins: %w", unmigrated(err))
		}
		if tag.RowsAffected() == 0 {
			return evidence{}, errSuperseded
		}
	}
	known := evidence{begin: s.began.position, end: s.began.sequence, rebuilds: s.rebuilds, rebuilt: s.rebuilt, gaps: s.gaps}
	if !goesOn {
		known.again = s.at.position
	}
	return known, nil
}

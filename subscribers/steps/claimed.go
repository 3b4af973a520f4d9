package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

const (
	claimedValuesSQL = `SELECT v.key, v.value FROM contrail.run_values AS v WHERE v.run = $1`

	// postponeSQL has a run wait that this process can't perform. It does not count as a failure, and is in the log once for each error.
	postponeSQL = `WITH known AS (
			SELECT id, error FROM contrail.runs WHERE id = $1 AND token = $2 AND locked_until IS NOT NULL FOR UPDATE
		), postponed AS (
			UPDATE contrail.runs AS r SET error = $3, due_at = now() + make_interval(secs => $4), locked_by = '', locked_until = NULL,
				changed_at = clock_timestamp()
			FROM known WHERE r.id = known.id RETURNING r.id, known.error IS DISTINCT FROM $3 AS news
		), noted AS (
			INSERT INTO contrail.run_log (run, step, what, by_whom, detail) SELECT id, '', '` + whatErrored + `', $5, $3 FROM postponed WHERE news
		) SELECT coalesce(bool_or(news), false) FROM postponed`
)

// goOn performs a run that was claimed, like Run. A [*DefinitionMismatchError] leaves it locked.
func (p *performance) goOn(ctx context.Context, steps []Step) (json.RawMessage, error) {
	if now := names(steps); !slices.Equal(p.run.definition, now) {
		return nil, &DefinitionMismatchError{Run: p.run.key, Begun: p.run.definition, Now: now}
	}
	p.steps = steps
	defer p.giveBack()
	if p.run.token > 1 {
		if err := p.recall(ctx); err != nil {
			p.release(ctx, false)
			return nil, fmt.Errorf("run %s: read its values: %w", p.run.key, err)
		}
	}
	return p.perform(ctx)
}

func (p *performance) recall(ctx context.Context) error {
	return p.repeatedly(ctx, func() error {
		conn, err := p.connection(ctx)
		if err != nil {
			return err
		}
		rows, _ := conn.Query(ctx, claimedValuesSQL, p.run.id)
		p.state.kept, err = collectValues(rows)
		return err
	})
}

// postpone has a run that was claimed wait, because of something that is not its fault, and tells whether its log did not say so before.
func (p *performance) postpone(ctx context.Context, why error, delay time.Duration) (news bool, err error) {
	err = p.runner.pool.QueryRow(ctx, postponeSQL, p.run.id, p.run.token, clean(why.Error()), delay.Seconds(), p.runner.options.Process).Scan(&news)
	if err != nil {
		return false, fmt.Errorf("postpone run %s: %w", p.run.key, err)
	}
	return news, nil
}

package subscribers

import (
	"context"

	"github.com/contrail-events/contrail/subscribers/attempts"
)

// OnCommitted has f called between a commit and the acks of its events.
func (s *Subscription) OnCommitted(f func()) { s.hooks.committed = f }

// OnCommitted has f called after a commit.
func (p *Projection) OnCommitted(f func()) { p.hooks.committed = f }

// MaxUntold bounds what waits to be told to the journal of attempts.
const MaxUntold = maxUntold

// TellAttempt has the subscription's journal tell of an attempt, also when it does not run.
func (s *Subscription) TellAttempt(ctx context.Context, attempt attempts.Attempt) {
	s.journal.tell(ctx, attempt)
}

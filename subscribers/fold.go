package subscribers

import (
	"context"
	"log/slog"
	"time"
)

// foldEvery is the time between two looks for rows of the inbox that are old, in each process.
const foldEvery = 10 * time.Minute

// fold keeps the inbox small until ctx ends. What is folded is known for ever, so that nothing depends on when it is done, or by whom.
func (s *session) fold(ctx context.Context) {
	if !s.needsInbox() || s.config.InboxRetention < 0 {
		return
	}
	for pause := min(foldEvery, s.config.InboxRetention); wait(ctx, nil, pause); {
		if err := s.config.Inbox.fold(ctx, s.config.inboxName(), s.config.InboxRetention); err != nil && ctx.Err() == nil {
			s.config.Logger.WarnContext(ctx, "the inbox was not folded, trying again later",
				slog.String("consumer", s.config.Durable), slog.Any("error", err))
		}
	}
}

// fold folds a consumer's rows that are older than retention, in transactions of some ten thousand each.
func (i *Inbox) fold(ctx context.Context, consumer string, retention time.Duration) error {
	for {
		folded, err := i.foldOnce(ctx, consumer, retention)
		if err != nil || folded == 0 {
			return err
		}
	}
}

func (i *Inbox) foldOnce(ctx context.Context, consumer string, retention time.Duration) (folded int64, err error) {
	tx, err := i.db.begin(ctx)
	if err != nil {
		return 0, outage("begin to fold the inbox", err)
	}
	defer tx.rollback(context.WithoutCancel(ctx)) //nolint:errcheck // of no consequence after a commit
	rows, err := tx.positions(ctx, foldSQL, consumer, retention.Seconds())
	if err != nil {
		return 0, outage("fold the inbox", unmigrated(err))
	}
	if err := tx.commit(ctx); err != nil {
		return 0, outage("commit", err)
	}
	return int64(rows[0]), nil
}

package subscribers

import (
	"context"
	"log/slog"
	"time"
)

// beat tells the broker, every third of AckWait, which events are still in hand, running or waiting. Those that came after the last beat
// are left out: their time is up after two more.
func (s *session) beat(ctx context.Context, end <-chan struct{}) {
	interval := s.config.AckWait / 3
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-end:
			return
		case now := <-ticker.C:
			for _, d := range s.scheduler.olderThan(now.Add(-interval / 2)) {
				if err := d.progress(); err != nil {
					s.config.Logger.DebugContext(ctx, "heartbeat", slog.Uint64("sequence", d.sequence), slog.Any("error", err))
				}
			}
		}
	}
}

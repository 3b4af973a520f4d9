package steps

import (
	"context"
	"errors"
	"log/slog"
)

// tell logs what has become of a run. That it waits or has finished is no news.
func (w *Worker) tell(ctx context.Context, p *performance, err error) {
	log := w.config.Options.Logger.With(slog.String("run", p.run.key), slog.String("workflow", p.run.workflow))
	_, recorded := errors.AsType[*StepError](err)
	switch failure := slog.Any("error", err); {
	case err == nil:
		log.DebugContext(ctx, "a run has finished")
	case recorded: // whatever it wraps
		log.WarnContext(ctx, "a step has failed, and is tried again", failure)
	case errors.Is(err, ErrWaiting):
		log.DebugContext(ctx, "a run waits", failure)
	case errors.Is(err, ErrFailed):
		log.ErrorContext(ctx, "a run has failed", failure)
	case errors.Is(err, ErrHalted):
		log.WarnContext(ctx, "a run is halted", failure)
	case errors.Is(err, ErrCancelled):
		log.InfoContext(ctx, "a run is cancelled", failure)
	case errors.Is(err, ErrLockLost):
		log.InfoContext(ctx, "a run was cancelled or taken over", failure)
	case ctx.Err() != nil:
		log.InfoContext(ctx, "a run was let go, since the worker is stopped", failure)
	default:
		log.WarnContext(ctx, "a run was let go", failure)
	}
}

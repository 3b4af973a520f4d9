package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/projections"
)

// projectionsRebuildVerb rebuilds.
type projectionsRebuildVerb struct {
	Name    string        `arg:"" help:"The projection."`
	Because string        `env:"-" placeholder:"TEXT" help:"Why, for others to see."`
	Restart bool          `env:"-" help:"Begin anew if it is being rebuilt already."`
	Cancel  bool          `env:"-" help:"Cancel the rebuild that is under way; the read model stays what it is."`
	NoWait  bool          `env:"-" help:"Ask for it and exit; contrail projections list tells how far it is."`
	Timeout time.Duration `default:"0s" help:"How long to wait until it is done; 0s: for as long as it takes."`
	JSON    bool          `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*projectionsRebuildVerb) Help() string {
	return `Has a projection's read model built anew from the event store, and waits for it with a progress bar. The process that is active for the
projection does it, beside its usual work, in tables of its own; when they have all that the live ones should have, these are given the new
content in one transaction. Whoever reads meanwhile sees the old read model whole, and then the new one. A process that stops, or
dies, is taken over from where it was.

Interrupting this command does not end the rebuild: --cancel does. It exits 0 when the read model is rebuilt (with --no-wait: when
it is asked for; with --cancel: when it is cancelled), and 1 when it is not.

The projection has to name its tables (ProjectionConfig.Tables in the Go library). Its database user needs CREATE on the database.

Examples:

  contrail projections rebuild statement --because "sums were wrong before v1.3"
  contrail projections rebuild statement --restart --no-wait
  contrail projections rebuild statement --cancel`
}

// Run rebuilds.
func (v *projectionsRebuildVerb) Run(ctx context.Context, a *app) error {
	if err := v.check(); err != nil {
		return err
	}
	return a.withProjections(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		if v.Cancel {
			cancelled, err := projections.Cancel(ctx, pool, v.Name, person())
			if err != nil {
				return err
			}
			return v.print(a, cancelled, "the rebuild of projection "+printable(v.Name)+" is cancelled")
		}
		asked, err := v.ask(ctx, pool)
		switch {
		case err != nil:
			return err
		case v.NoWait:
			return v.print(a, asked, "the rebuild of projection "+printable(v.Name)+" is asked for")
		}
		done, err := v.await(ctx, a, pool, asked)
		if err != nil {
			return err
		}
		return v.print(a, done, fmt.Sprintf("projection %s is rebuilt from %s, up to position %s",
			printable(v.Name), plural(done.Events, "event"), thousands(done.Position)))
	})
}

// check refuses what makes no sense.
func (v *projectionsRebuildVerb) check() error {
	switch {
	case v.Timeout < 0:
		return usagef("--timeout is %s; give 0s or more", v.Timeout)
	case v.Cancel && (v.Restart || v.NoWait || v.Because != ""):
		return usagef("--cancel stands alone; leave --restart, --no-wait and --because out")
	}
	return nil
}

func (v *projectionsRebuildVerb) ask(ctx context.Context, pool *pgxpool.Pool) (projections.RebuildStatus, error) {
	if v.Restart {
		return projections.Restart(ctx, pool, v.Name, order(v.Because))
	}
	asked, err := projections.Rebuild(ctx, pool, v.Name, order(v.Because))
	if _, running := errors.AsType[*projections.RunningError](err); running {
		err = fmt.Errorf("%w (--cancel, --restart)", err)
	}
	return asked, err
}

// await shows how far it is. What keeps it from going on is told once.
func (v *projectionsRebuildVerb) await(
	ctx context.Context, a *app, pool *pgxpool.Pool, asked projections.RebuildStatus,
) (projections.RebuildStatus, error) {
	if v.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.Timeout)
		defer cancel()
	}
	bar, said := a.newProgress("rebuilding"), ""
	done, err := projections.Await(ctx, pool, asked, func(now projections.Projection) {
		if hindrance := hindranceOf(now); hindrance != said {
			if said = hindrance; said != "" {
				bar.gone()
				a.log.WarnContext(ctx, "the rebuild does not go on", slog.String("projection", now.Name), slog.String("because", said))
			}
		}
		if now.Rebuild.Target > 0 {
			bar.at(uint64(now.Rebuild.Position), uint64(now.Rebuild.Target)) //nolint:gosec // positions are above zero
		}
	})
	bar.gone()
	if pending, ok := errors.AsType[*projections.PendingError](err); ok {
		return done, fmt.Errorf("%s; it stays asked for: contrail projections list shows how far it is, and --cancel ends it", pending.Error())
	}
	return done, err
}

// hindranceOf is why a rebuild does not go on; "": it does.
func hindranceOf(now projections.Projection) string {
	switch {
	case now.PausedAt != nil:
		return "the projection is paused; contrail projections resume " + printable(now.Name)
	case now.Active == nil:
		return "no process runs the projection; start one"
	}
	return now.Rebuild.Error
}

func (v *projectionsRebuildVerb) print(a *app, rebuild projections.RebuildStatus, text string) error {
	if v.JSON {
		return a.printJSON(rebuild)
	}
	a.printf("%s\n", text)
	return nil
}

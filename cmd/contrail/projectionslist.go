package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/projections"
)

// projectionsListVerb lists projections.
type projectionsListVerb struct {
	NATSURL string `name:"nats-url" env:"NATS_URL" placeholder:"URL" help:"NATS with JetStream, to count what is yet to be projected; without it that is not told."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*projectionsListVerb) Help() string {
	return `Lists the projections of the database: the stream, the position that each has come to, how many messages of the stream it has yet to read
(a dash where NATS is not given or can't be reached), when it last moved, what it does, and which process is active for it, by the session in
the database that holds the lock. It exits 0 whether there are projections or not.

Examples:

  contrail projections list
  contrail projections list --json | jq '.projections[] | select(.active == null) | .name'`
}

// projectionsList is what --json prints.
type projectionsList struct {
	Projections []projectionLine `json:"projections"`
}

// projectionLine is a projection, and how far it is behind.
type projectionLine struct {
	projections.Projection

	Lag *uint64 `json:"lag"` // messages; nil: unknown
}

// Run lists.
func (v *projectionsListVerb) Run(ctx context.Context, a *app) error {
	list := projectionsList{Projections: []projectionLine{}}
	err := a.withProjections(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		return a.inTime(ctx, func(ctx context.Context) error {
			all, err := projections.List(ctx, pool)
			for _, one := range all {
				list.Projections = append(list.Projections, projectionLine{Projection: one})
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if err := v.count(ctx, a, list.Projections); err != nil {
		return err
	}
	if v.JSON {
		return a.printJSON(list)
	}
	if len(list.Projections) == 0 {
		a.printf("no projection has run yet\n")
		return nil
	}
	a.printTable(projectionRows(list.Projections), 2, 3)
	for _, one := range list.Projections {
		a.printProjection(one.Projection)
	}
	return nil
}

// count fills in how far each is behind. A broker that is out of reach is no reason not to list what the database tells.
func (v *projectionsListVerb) count(ctx context.Context, a *app, lines []projectionLine) error {
	if v.NATSURL == "" || len(lines) == 0 {
		return nil
	}
	if _, err := natsHosts(v.NATSURL); err != nil {
		return err
	}
	js, closeNATS, err := a.openJetStreamAt(ctx, v.NATSURL)
	if err != nil {
		a.log.WarnContext(ctx, "what is yet to be projected is not counted", slog.Any("error", err))
		return nil
	}
	defer closeNATS()
	for i := range lines {
		lines[i].Lag = a.lagOf(ctx, js, lines[i].Projection)
	}
	return nil
}

func (a *app) lagOf(ctx context.Context, js jetstream.JetStream, of projections.Projection) *uint64 {
	if of.Stream == "" {
		return nil
	}
	var lag uint64
	err := a.inTime(ctx, func(ctx context.Context) (err error) {
		lag, err = projections.Lag(ctx, js, of)
		return err
	})
	if err != nil {
		a.log.WarnContext(ctx, "what is yet to be projected is not counted", slog.String("projection", of.Name), slog.Any("error", err))
		return nil
	}
	return &lag
}

func projectionRows(lines []projectionLine) [][]string {
	rows := [][]string{{"projection", "stream", "position", "lag", "moved", "state", "process"}}
	for _, one := range lines {
		lag := "-"
		if one.Lag != nil {
			lag = thousands(*one.Lag)
		}
		process := "-"
		if one.Active != nil {
			process = processText(one.Active)
		}
		rows = append(rows, []string{
			printable(one.Name), orDash(printable(one.Stream)), thousands(one.Position), lag, one.UpdatedAt.UTC().Format("2006-01-02T15:04:05Z"),
			projectionState(one.Projection), process,
		})
	}
	return rows
}

// projectionState is what the projection does.
func projectionState(p projections.Projection) string {
	state := "projecting"
	switch {
	case p.PausedAt != nil:
		state = "paused"
	case p.Active == nil:
		state = "not running"
	}
	if r := p.Rebuild; r != nil && !r.Over() {
		state += ", rebuild " + rebuildText(*r)
	}
	return state
}

// rebuildText is "requested", or how much of it is done.
func rebuildText(r projections.RebuildStatus) string {
	if r.State == projections.Requested {
		return string(r.State)
	}
	percent := int64(100)
	if r.Target > 0 {
		percent = int64(r.Position) * 100 / int64(r.Target)
	}
	return fmt.Sprintf("%d%%", percent)
}

// printProjection tells what a person should know and the table has no room for.
func (a *app) printProjection(p projections.Projection) {
	if p.PausedAt != nil {
		a.printf("%s\n", a.paint(bold, "projection "+printable(p.Name)+" is paused "+sinceText(*p.PausedAt, p.PausedBy, p.PausedBecause)))
	}
	if r := p.Rebuild; r != nil && r.Error != "" {
		what := "the rebuild of projection %s is tried again after: %s\n"
		switch r.State {
		case projections.Failed:
			what = "the rebuild of projection %s has failed: %s\n"
		case projections.Cancelled:
			what = "the rebuild of projection %s was %s\n"
		case projections.Requested, projections.Running, projections.Done:
		}
		a.printf(what, printable(p.Name), printable(r.Error))
	}
}

// processText is the application's name and its address, as far as the database tells this user.
func processText(process *projections.Process) string {
	text := process.Application
	if text == "" {
		text = fmt.Sprintf("session %d", process.PID)
	}
	if process.Address != "" {
		text += " at " + process.Address
	}
	return printable(text)
}

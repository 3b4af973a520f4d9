package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// logStatements has each statement logged that the database gets, if --verbose is given twice.
func (a *app) logStatements(config *pgx.ConnConfig) {
	if a.Verbose > 1 {
		config.Tracer = statementLog{a.log}
	}
}

// statementLog logs statements without their arguments, which may be about persons.
type statementLog struct{ log *slog.Logger }

type statementKey struct{}

type begunStatement struct {
	sql string
	at  time.Time
}

// TraceQueryStart notes when it began.
func (statementLog) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, statementKey{}, begunStatement{data.SQL, time.Now()})
}

// TraceQueryEnd logs.
func (l statementLog) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	begun, _ := ctx.Value(statementKey{}).(begunStatement)
	attrs := []slog.Attr{
		slog.String("sql", breaks.ReplaceAllString(begun.sql, " ")), slog.Float64("seconds", time.Since(begun.at).Seconds()),
		slog.String("result", data.CommandTag.String()),
	}
	if data.Err != nil {
		attrs = append(attrs, slog.Any("error", data.Err))
	}
	l.log.LogAttrs(ctx, slog.LevelDebug, "statement", attrs...)
}

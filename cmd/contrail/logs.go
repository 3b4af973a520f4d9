package main

import (
	"io"
	"log/slog"
)

// newLogger logs to standard error at the level that the flags say, most explicit first: --log-level, --verbose, --quiet. Without any of them, those
// verbs log at info that run until a signal comes and have nothing else to say.
func newLogger(flags globals, verb string, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: flags.level(verb)}
	if flags.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(shownLog{to}, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

func (f globals) level(verb string) slog.Level {
	var level slog.Level
	if f.LogLevel != "auto" && level.UnmarshalText([]byte(f.LogLevel)) == nil {
		return level
	}
	switch {
	case f.Verbose > 0:
		return slog.LevelDebug
	case f.Quiet:
		return slog.LevelError
	case runsOn(verb):
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// runsOn is true of the verbs that run until a signal comes.
func runsOn(verb string) bool {
	switch verb {
	case "relay", "serve", "subscribe", "webhooks run", "dashboard":
		return true
	}
	return false
}

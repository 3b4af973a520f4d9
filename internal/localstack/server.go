package localstack

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTimeout bounds a start. It is long, because a crashed cluster first replays its log.
const startTimeout = 2 * time.Minute

// run starts the server and waits until the database contrail is there to connect to; otherwise no server is left. The caller holds mu.
func (p *Postgres) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready after %s; see %s", startTimeout, p.log.path))
	defer cancel()
	args := p.config.arguments(p.folder.join(dataName), p.port, p.durable)
	server, err := p.spawn(ctx, p.programs.postgres(), args)
	if err != nil {
		return err
	}
	p.server = server
	err = p.await(ctx, server)
	if err == nil {
		err = p.prepare(ctx)
	}
	if cause := ended(ctx); err != nil && cause != nil {
		err = cause // says more than what it made go wrong
	}
	if err != nil {
		p.halt(syscall.SIGINT)
	}
	return err
}

// await returns when the server says in its pid file that it takes connections. Connecting alone would not do: after a port clash
// it could be somebody else's server that answers.
func (p *Postgres) await(ctx context.Context, server *process) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !p.ready(server.pid()) {
		select {
		case <-ctx.Done():
			return ended(ctx)
		case <-server.done:
			return p.diagnose(server)
		case <-poll.C:
		}
	}
	return nil
}

// ready reads postmaster.pid: the process id is its first line, the state its eighth.
func (p *Postgres) ready(pid int) bool {
	text, err := os.ReadFile(p.folder.join(dataName + "/postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) >= 8 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

// diagnose tells why the server ended while it was starting.
func (p *Postgres) diagnose(server *process) error {
	printed := p.log.printed()
	switch {
	case strings.Contains(printed, `lock file "postmaster.pid" already exists`),
		strings.Contains(printed, "pre-existing shared memory block"): // a server that outlived the program which started it
		return fmt.Errorf("%w: %s; stop that one (pg_ctl stop -D %s) or name another folder",
			ErrInUse, p.folder.path, p.folder.join(dataName))
	case strings.Contains(printed, "could not bind"):
		return fmt.Errorf("%w: %w", errPortTaken, p.log.explain("postgres", server.err))
	}
	return p.log.explain("postgres", server.err)
}

// prepare connects, as a last proof that the server is ready, and creates the database contrail unless it is there.
func (p *Postgres) prepare(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.DatabaseURL("postgres"))
	if err != nil {
		return err //nolint:wrapcheck // *pgconn.ConnectError says it all
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	return nil
}

// halt ends the server, if there is one, and returns when it has ended. The caller holds mu.
func (p *Postgres) halt(signal syscall.Signal) {
	if p.server == nil {
		return
	}
	p.server.end(signal)
	p.server = nil
	p.logger.Info("postgres stopped", slog.Int("port", p.port))
}

// orDiscard lets a Logger be left out.
func orDiscard(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}

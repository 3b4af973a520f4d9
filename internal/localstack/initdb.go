package localstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// What the folder of a PostgreSQL server holds, beside its lock.
const (
	dataName     = "data"
	passwordName = "password"   // of the superuser, mode 0600
	logName      = "server.log" // what initdb and postgres printed
	halfName     = "data.new"   // a cluster that initdb has not finished; renamed to data when it has
)

// dataMajor returns the major version of the cluster in the folder, or 0 where there is none.
func dataMajor(f *folder) (int, error) {
	version, err := os.ReadFile(f.join(dataName + "/PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(version)))
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	return major, nil
}

// readPassword returns the password of the cluster that is in the folder.
func readPassword(f *folder) (string, error) {
	password, err := os.ReadFile(f.join(passwordName))
	if err != nil {
		return "", fmt.Errorf("the cluster is there, but not its password: %w", err)
	}
	return strings.TrimSpace(string(password)), nil
}

// initdb makes a new cluster in the folder and returns the superuser's password. What a killed initdb left half done is made anew.
func (p *Postgres) initdb(ctx context.Context) (string, error) {
	password, half := rand.Text(), p.folder.join(halfName)
	if err := os.RemoveAll(half); err != nil {
		return "", err //nolint:wrapcheck // *PathError says it all
	}
	if err := os.WriteFile(p.folder.join(passwordName), []byte(password+"\n"), 0o600); err != nil {
		return "", err //nolint:wrapcheck // *PathError says it all
	}
	if err := p.account.own(p.folder.path); err != nil {
		return "", err
	}
	args := []string{
		"--pgdata=" + half, "--username=" + superuser, "--pwfile=" + p.folder.join(passwordName), "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-instructions",
	}
	if !p.durable {
		args = append(args, "--no-sync")
	}
	child, err := p.spawn(ctx, p.programs.initdb(), args)
	if err != nil {
		return "", err
	}
	select {
	case <-ctx.Done():
		child.end(syscall.SIGINT)
		return "", fmt.Errorf("initdb: %w", ended(ctx))
	case <-child.done:
	}
	if child.err != nil {
		return "", p.log.explain("initdb", child.err)
	}
	return password, os.Rename(half, p.folder.join(dataName)) //nolint:wrapcheck // *LinkError says it all
}

// spawn starts a server program with its output in the log. The child outlives ctx: who waits for it decides when it ends.
func (p *Postgres) spawn(ctx context.Context, program string, args []string) (*process, error) {
	output, err := p.log.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }() // the child has its own copy

	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...) //nolint:gosec // the programs that find chose
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.folder.path, environment(), output, output
	return startProcess(cmd, p.account)
}

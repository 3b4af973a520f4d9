package localstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	superuser = "postgres" // not "contrail": its search_path would begin with the schema of that name
	database  = "contrail"
)

// Postgres is a PostgreSQL cluster of our own. Its methods may be called from several goroutines.
type Postgres struct {
	config   PostgresConfig
	durable  bool
	account  *account
	folder   *folder
	programs programs
	password string
	logger   *slog.Logger
	log      serverLog

	mu     sync.Mutex // guards what follows, and lets one start or stop happen at a time
	port   int        // fixed once StartPostgres has returned
	server *process   // nil when none was started yet, or the last one was waited for
	closed bool
}

// StartPostgres runs a cluster and returns when it takes connections, about half a second later. It makes the cluster, and in it a
// database named contrail, where they don't exist yet. Ending ctx while it starts undoes all that was done; later, ctx has no meaning.
//
// The error wraps [ErrInUse], [ErrNotOurs] or [ErrOtherVersion] where the fault is the folder's, and [ErrNotInstalled] where there are no
// server programs and none could be downloaded. Of a server that does not start it has the last lines that it printed.
func StartPostgres(ctx context.Context, config PostgresConfig) (*Postgres, error) {
	return startPostgres(ctx, config, systemInstallation())
}

func startPostgres(ctx context.Context, config PostgresConfig, from installation) (*Postgres, error) {
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	p := &Postgres{config: config, durable: config.Durable || config.Dir != "", logger: orDiscard(config.Logger)}
	began := time.Now()
	if err := p.open(ctx, from); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), p.Close())
	}
	p.logger.InfoContext(ctx, "postgres started", slog.Int("port", p.port), slog.String("folder", p.folder.path),
		slog.Int("version", p.programs.major), slog.Duration("took", time.Since(began)))
	return p, nil
}

// open does the first start, which chooses the port.
func (p *Postgres) open(ctx context.Context, from installation) error {
	var err error
	if p.account, err = serverAccount(); err != nil {
		return err
	}
	if p.folder, err = openFolder(p.config.Dir, "postgres", p.account); err != nil {
		return err
	}
	p.log.path = p.folder.join(logName)
	p.log.rotate()
	major, err := dataMajor(p.folder)
	if err != nil {
		return err
	}
	if p.programs, err = from.find(ctx, major, p.account); err != nil {
		return err
	}
	if major == 0 {
		p.password, err = p.initdb(ctx)
	} else {
		p.password, err = readPassword(p.folder)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for range portAttempts {
		if p.port, err = orFree(p.config.choosePort)(); err != nil {
			return err
		}
		if err = p.run(ctx); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// URL is the address of the database contrail, with the superuser's name and password. It stays the same over [Postgres.Restart].
func (p *Postgres) URL() string { return p.DatabaseURL(database) }

// DatabaseURL is the address of the named database of this cluster, which need not exist.
func (p *Postgres) DatabaseURL(name string) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.password), Path: "/" + name, RawQuery: "sslmode=disable",
		Host: net.JoinHostPort(loopback, strconv.Itoa(p.port)),
	}
	return address.String()
}

// LogPath is the file with what PostgreSQL printed since [StartPostgres]. In a temporary folder it goes when Close is called.
func (p *Postgres) LogPath() string { return p.log.path }

// Stop ends the server in order: transactions are rolled back, connections closed, the data written. It does nothing when the
// server is not running.
func (p *Postgres) Stop() error { return p.end(syscall.SIGINT) }

// Kill ends the server as a crash would: at once, and the next start has to recover. It does nothing when the server is not running.
func (p *Postgres) Kill() error { return p.end(syscall.SIGQUIT) }

func (p *Postgres) end(signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("stop PostgreSQL: %w", ErrClosed)
	}
	p.halt(signal)
	return nil
}

// Restart starts the server again on the same port, with the same data; a running one is stopped first. When it fails, or when ctx
// ends before the server takes connections, the server is not running, and Restart may be tried again.
func (p *Postgres) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("restart PostgreSQL: %w", ErrClosed)
	}
	p.halt(syscall.SIGINT)
	if err := p.run(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL on port %d: %w", p.port, err)
	}
	return nil
}

// Close stops the server and removes its folder if that is temporary. A second Close, and one of a nil Postgres, does nothing.
func (p *Postgres) Close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.folder == nil {
		return nil
	}
	p.closed = true
	if p.folder.kept {
		p.halt(syscall.SIGINT)
	} else {
		p.halt(syscall.SIGQUIT) // what is thrown away need not be written first
	}
	if err := p.folder.close(); err != nil {
		return fmt.Errorf("close PostgreSQL: %w", err)
	}
	return nil
}

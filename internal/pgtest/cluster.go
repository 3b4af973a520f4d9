package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/localstack"
)

const (
	maxConnections = "300"            // of the cluster
	poolSize       = 10               // connections of one test's pool
	patience       = 60 * time.Second // for one statement about a database: the others' may come first
)

// binary is the cluster of this test binary.
//
//nolint:gochecknoglobals // tests know one another by nothing but their process, and the cluster is to be started once in it
var binary cluster

// cluster makes the databases. It is opened by the first call that needs it, and what went wrong then goes wrong for all.
type cluster struct {
	once  sync.Once
	fault error
	owned *localstack.Postgres // nil when the server is DATABASE_URL's
	base  *url.URL             // of a database that is there already
	admin *pgxpool.Pool

	templateOnce  sync.Once
	templateFault error
	template      string

	copying sync.Mutex // a template can be copied by one at a time
}

func (c *cluster) open(ctx context.Context) error {
	c.once.Do(func() {
		if c.fault = c.locate(ctx); c.fault != nil {
			return
		}
		c.admin, c.fault = newPool(ctx, c.base.String(), 4)
	})
	return c.fault
}

func (c *cluster) locate(ctx context.Context) error {
	address := os.Getenv("DATABASE_URL")
	if address == "" {
		var err error
		c.owned, err = localstack.StartPostgres(ctx, localstack.PostgresConfig{
			Durable: os.Getenv("CONTRAIL_DURABLE") != "", Settings: map[string]string{"max_connections": maxConnections},
		})
		if err != nil {
			return err
		}
		address = c.owned.URL()
	}
	base, err := url.Parse(address)
	if err != nil || base.Scheme == "" {
		return errors.New("DATABASE_URL must be a URL, as in postgres://user:password@host/database") // and may hold a password
	}
	c.base = base
	return nil
}

// create makes an empty database, or one copied from the template, and returns its URL.
func (c *cluster) create(ctx context.Context, name, template string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	statement := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		statement += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	c.copying.Lock()
	defer c.copying.Unlock()
	if _, err := c.admin.Exec(ctx, statement); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return c.databaseURL(name), nil
}

// drop removes a database and, where a test left connections open, ends them.
func (c *cluster) drop(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := c.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

func (c *cluster) databaseURL(name string) string {
	address := *c.base
	address.Path, address.RawPath = "/"+name, ""
	return address.String()
}

// migrated returns the name of the template, which the first call makes.
func (c *cluster) migrated(ctx context.Context) (string, error) {
	c.templateOnce.Do(func() {
		c.template, c.templateFault = c.makeTemplate(ctx)
	})
	return c.template, c.templateFault
}

func (c *cluster) makeTemplate(ctx context.Context) (string, error) {
	name := "contrail_template_" + strings.ToLower(rand.Text()[:10])
	address, err := c.create(ctx, name, "")
	if err != nil {
		return "", err
	}
	pool, err := newPool(ctx, address, poolSize)
	if err != nil {
		return name, err
	}
	_, err = eventstore.Migrate(ctx, pool)
	pool.Close()
	return name, err
}

// close undoes what open and migrated did; the caller sees to it that nobody uses the cluster any more.
func (c *cluster) close() error {
	var err error
	if c.admin != nil {
		if c.owned == nil && c.template != "" {
			err = c.drop(context.Background(), c.template) //nolint:forbidigo // TestMain has no context
		}
		c.admin.Close()
	}
	return errors.Join(err, c.owned.Close())
}

func newPool(ctx context.Context, address string, size int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("pool: %w", err)
	}
	config.MaxConns, config.MinConns = size, 0
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("pool: %w", err)
	}
	return pool, nil
}

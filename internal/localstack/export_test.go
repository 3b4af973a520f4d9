package localstack

import "context"

// Installation stands for where the tests have the server programs come from.
type Installation = installation

// NothingInstalled finds no programs, and downloads them from the repository into the cache.
func NothingInstalled(repository, cache string, isRoot bool) Installation {
	return installation{download: download{repository: repository, cache: cache, isRoot: isRoot}}
}

// Installed looks in path first and then in the places.
func Installed(path string, places ...string) Installation {
	return installation{path: path, places: places, download: download{isRoot: true}}
}

// Find returns the folder and the major version of the programs that would be used.
func (in installation) Find(ctx context.Context, major int) (dir string, found int, err error) {
	p, err := in.find(ctx, major, nil)
	return p.dir, p.major, err
}

var (
	StartPostgresFrom = startPostgres
	StartFrom         = start
	FreePort          = freePort
)

// PID is the server's process id, 0 when none runs.
func (p *Postgres) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return 0
	}
	return p.server.pid()
}

// Folder is where the server's files are.
func (p *Postgres) Folder() string { return p.folder.path }

// Folder is where the server's files are.
func (n *NATS) Folder() string { return n.folder.path }

// OnPorts has the server try these ports in turn.
func (c PostgresConfig) OnPorts(ports ...int) PostgresConfig {
	c.choosePort = inTurn(ports)
	return c
}

// OnPorts has the server try these ports in turn.
func (c NATSConfig) OnPorts(ports ...int) NATSConfig {
	c.choosePort = inTurn(ports)
	return c
}

func inTurn(ports []int) func() (int, error) {
	return func() (int, error) {
		port := ports[0]
		ports = ports[1:]
		return port, nil
	}
}

package projections

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail"
)

// ErrNotFound says that there is no such projection: no process has run it yet, or the name is wrong.
var ErrNotFound = errors.New("there is no such projection")

// Projection is how a projection stands.
type Projection struct {
	Name      string            `json:"name"`
	Stream    string            `json:"stream"`   // the JetStream stream that it reads; "" until a process of this version was active
	Subjects  []string          `json:"subjects"` // what it reads of it
	Position  contrail.Position `json:"position"` // it has projected what the stream has of its events up to here
	Sequence  uint64            `json:"sequence"` // the message in the stream with which it came there
	UpdatedAt time.Time         `json:"updated_at"`

	PausedAt      *time.Time `json:"paused_at"` // nil: it is not
	PausedBy      string     `json:"paused_by"`
	PausedBecause string     `json:"paused_because"`

	Active  *Process       `json:"active"`  // nil: no process runs it
	Rebuild *RebuildStatus `json:"rebuild"` // the last one that somebody has asked for; nil: nobody has
}

// Process is the one that is active for a projection, by what the database knows of the session that holds the lock.
type Process struct {
	PID         int        `json:"pid"`         // of the session, in the database server
	Application string     `json:"application"` // application_name; "" if this user may not see it
	Address     string     `json:"address"`     // of the client; "" for a local socket, or if this user may not see it
	Since       *time.Time `json:"since"`       // when the session began; nil if this user may not see it
}

// columns are what scan reads. The primary keys serve, and pg_locks for each projection, of which there are few.
const (
	columns = `p.name, p.stream, p.subjects, p.position, p.sequence, p.updated_at, p.paused_at, p.paused_by, p.paused_because,
		a.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''), a.backend_start,
		r.projection IS NOT NULL, ` + rebuildColumns

	// 1129270871 is what processes lock, with the hash of the name, to be the active one.
	joined = ` FROM contrail.projections p LEFT JOIN contrail.rebuilds r ON r.projection = p.name LEFT JOIN LATERAL (
			SELECT s.pid, s.application_name, s.client_addr, s.backend_start FROM pg_locks l JOIN pg_stat_activity s ON s.pid = l.pid
			WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 1129270871 AND l.objsubid = 2
				AND l.objid = (hashtext(p.name)::bigint & 4294967295)::oid
				AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1) a ON true `
)

func scan(row pgx.CollectableRow) (p Projection, err error) {
	var pid *int
	var process Process
	var asked bool
	var rebuild RebuildStatus
	err = row.Scan(append([]any{
		&p.Name, &p.Stream, &p.Subjects, &p.Position, &p.Sequence, &p.UpdatedAt, &p.PausedAt, &p.PausedBy, &p.PausedBecause,
		&pid, &process.Application, &process.Address, &process.Since, &asked,
	}, targetsOf(&rebuild)...)...)
	if pid != nil {
		process.PID = *pid
		p.Active = &process
	}
	if asked {
		p.Rebuild = &rebuild
	}
	return p, err //nolint:wrapcheck // collect wraps it
}

package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// openAppender is a transaction that has appended, and holds back every position above its promise.
type openAppender struct {
	PID      int64
	Gid      string // of a prepared one
	User     string
	Name     string // of the application
	State    string
	Seconds  float64 // -1: not told
	LastText string
}

// Shared memory only: the locks, and one row a connection. A prepared transaction has no process.
const appendersSQL = `SELECT coalesce(l.pid, 0), coalesce(p.gid, ''), coalesce(a.usename::text, p.owner::text, ''), coalesce(a.application_name, ''), coalesce(a.state, ''),
		coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)), -1)::float8, coalesce(left(a.query, 200), '')
	FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
		LEFT JOIN pg_prepared_xacts p ON l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction::text
	WHERE l.locktype = 'advisory' AND l.classid = 1129270868 AND l.objsubid = 2
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	ORDER BY 6 DESC LIMIT 20`

// muchLonger is how many times its limit an appender is open that is a danger.
const muchLonger = 30

func checkAppenders(ctx context.Context, d *Doctor) ([]Finding, error) {
	rows, err := d.pool.Query(ctx, appendersSQL)
	if err != nil {
		return nil, fmt.Errorf("look for open appenders: %w", err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowToStructByPos[openAppender])
	if err != nil {
		return nil, fmt.Errorf("look for open appenders: %w", err)
	}
	var found []Finding
	limit := d.config.Limits.Appender
	for _, one := range open {
		age := time.Duration(one.Seconds * float64(time.Second))
		severity := graded(age, limit, muchLonger*limit)
		if one.Seconds < 0 {
			found = append(found, Finding{
				Severity: Note, What: one.who() + " is appending, and since when is not told", Do: "make this user a member of pg_read_all_stats", Values: one.values(),
			})
			continue
		}
		if severity == OK {
			continue
		}
		found = append(found, Finding{
			Severity: severity, What: fmt.Sprintf("%s has appended and is open for %s, %s", one.who(), age.Round(time.Second), one.doing()),
			Why: "everything that anybody appends waits for its end: no relay and no reader passes it", Do: one.remedy(), Values: one.values(),
		})
	}
	return orGood(found, values{"open": len(open)}, "no transaction that has appended stays open"), nil
}

func (a openAppender) who() string {
	switch {
	case a.Gid != "":
		return fmt.Sprintf("prepared transaction %q", a.Gid)
	case a.Name != "":
		return fmt.Sprintf("process %d (%s)", a.PID, a.Name)
	}
	return fmt.Sprintf("process %d of user %s", a.PID, a.User)
}

func (a openAppender) doing() string {
	switch {
	case a.Gid != "":
		return "prepared and neither committed nor rolled back"
	case strings.HasPrefix(a.State, "idle"):
		return "and idle in its transaction"
	}
	return "and working"
}

func (a openAppender) remedy() string {
	switch {
	case a.Gid != "":
		return fmt.Sprintf("COMMIT PREPARED or ROLLBACK PREPARED '%s'", strings.ReplaceAll(a.Gid, "'", "''"))
	case strings.HasPrefix(a.State, "idle"):
		return fmt.Sprintf("mend the program, which waits inside a transaction; SELECT pg_terminate_backend(%d) ends it", a.PID)
	}
	return "append in shorter transactions; large imports with contrail events import --resume"
}

func (a openAppender) values() values {
	return values{
		"pid": a.PID, "gid": a.Gid, "user": a.User, "application_name": a.Name, "state": a.State, "seconds": a.Seconds, "query": a.LastText,
	}
}

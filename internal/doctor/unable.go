package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// PostgreSQL's codes.
const (
	insufficientPrivilege = "42501"
	undefinedTable        = "42P01"
	undefinedColumn       = "42703"
	undefinedFunction     = "42883"
	undefinedSchema       = "3F000"
)

// unable is the note on a check that could not be made.
func (d *Doctor) unable(ctx context.Context, err error) Finding {
	note := Finding{Severity: Note, What: "not examined: " + oneLine(err)}
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case refused && refusal.Code == insufficientPrivilege:
		note.Do = "make this user a member of contrail_read (contrail migrate roles)"
	case refused && isUndefined(refusal.Code):
		note.What = "not examined: the schema does not have what is to be looked at"
		note.Do = "run contrail migrate"
	case errors.Is(err, jetstream.ErrStreamNotFound):
		note.What = "not examined: there is no stream " + d.config.Stream
		note.Do = "start contrail relay, which creates it"
	case d.isForbidden(err):
		note.What = "not examined: " + oneLine(d.js.Conn().LastError())
		note.Do = "let this user ask that of JetStream"
	case ctx.Err() != nil:
		note.What, note.Do = "not examined: "+oneLine(context.Cause(ctx)), "look what keeps the server busy, or give it more time"
	}
	return note
}

func isUndefined(code string) bool {
	return code == undefinedTable || code == undefinedColumn || code == undefinedFunction || code == undefinedSchema
}

// isForbidden tells whether the broker did not answer since the user may not ask. It says why on the connection.
func (d *Doctor) isForbidden(err error) bool {
	silent := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders)
	return d.js != nil && silent && errors.Is(d.js.Conn().LastError(), nats.ErrPermissionViolation)
}

// longest is how much of an error is told, in bytes.
const longest = 300

// oneLine is an error without line breaks, and without what goes on for pages.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " …"
	}
	return text
}

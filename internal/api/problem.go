package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"

	"github.com/contrail-events/contrail"
)

const problemContent = "application/problem+json"

// problemType is what the type of every problem begins with.
const problemType = "urn:contrail:problem:"

// Problem is a refusal as RFC 9457 has it, with the member "error" besides, which clients of Accountify read.
type Problem struct { //nolint:errname // it is the standard's own name
	Type     string             `json:"type" doc:"What kind of problem it is. It never changes." example:"urn:contrail:problem:invalid"`
	Title    string             `json:"title" doc:"The kind in a few words."`
	Status   int                `json:"status" doc:"The HTTP status." example:"422"`
	Detail   string             `json:"detail" doc:"What was refused, why, and what to do."`
	Message  string             `json:"error" doc:"The same as detail."`
	Code     string             `json:"code,omitempty" doc:"The rule that was broken, where it is one. It never changes." example:"invoice.status"`
	Faults   []Fault            `json:"errors,omitempty" doc:"All faults in what was given."`
	Position *contrail.Position `json:"position,omitempty" doc:"Where the read model stands, when it is behind."`

	header http.Header // goes with it
}

// Fault is what is wrong with one part of the request.
type Fault struct {
	Location string `json:"location" doc:"Where it is." example:"body.line_items[2].quantity"`
	Code     string `json:"code,omitempty" doc:"The rule that it breaks, where it is one."`
	Message  string `json:"message" doc:"What is wrong, and what to do."`
}

func problem(k kind, detail string) *Problem {
	about := k.describe()
	p := &Problem{Type: problemType + string(k), Title: about.title, Status: about.status, Detail: detail, Message: detail}
	if about.retryAfter > 0 {
		return p.with("Retry-After", strconv.Itoa(about.retryAfter))
	}
	return p
}

// with adds a header field.
func (p *Problem) with(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the header fields that go with it.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is that of problems, whatever was negotiated.
func (p *Problem) ContentType(string) string { return problemContent }

// write answers with the problem. The client may be gone: there is nobody to tell.
func (p *Problem) write(w http.ResponseWriter) {
	header := w.Header()
	maps.Copy(header, p.header)
	header.Set("Content-Type", problemContent)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) //nolint:errchkjson // likewise
}

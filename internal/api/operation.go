package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/contrail-events/contrail/domain"
)

// Caller is what every request says of who calls.
type Caller struct {
	Tenant      string `header:"X-Tenant-Id" required:"true" doc:"Whose data. Nothing of another tenant is seen." example:"t1"`
	User        string `header:"X-User-Id" default:"1" doc:"Who does it."`
	Correlation string `header:"X-Correlation-Id" doc:"Joins all that the request sets off, and is answered. X-Request-Id is taken as well. Made up if missing."`
}

func (c *Caller) actor(ctx context.Context) domain.Actor {
	return domain.Actor{TenantID: c.Tenant, UserID: c.User, CorrelationID: correlationOf(ctx)}
}

// Identified is the path of one aggregate.
type Identified struct {
	ID string `path:"id" doc:"The aggregate's id, a UUID." example:"0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c"`
}

// handle adds an operation. What is wrong with fields stands in the body, for a request that has one, else in the query.
func handle[I, O any](a *API, op huma.Operation, do func(ctx context.Context, in *I) (*O, error)) {
	part := "query"
	if op.Method == http.MethodPost || op.Method == http.MethodPut {
		part = "body"
	}
	op.MaxBodyBytes, op.BodyReadTimeout = a.config.MaxBodyBytes+1, -1 // both are bounded before, see buffered
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{Description: "A problem (RFC 9457).", Content: map[string]*huma.MediaType{
		problemContent: {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
	}}
	huma.Register(a.routes, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, a.refuse(ctx, err, part)
		}
		return out, nil
	})
}

// checkRequest refuses what no operation takes, before anything is parsed.
func checkRequest(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	refused := checkCaller(r.Header)
	if refused == nil {
		refused = checkQuery(r.URL.RawQuery)
	}
	if refused == nil {
		refused = checkConditions(r, ctx.Operation())
	}
	if refused == nil && ctx.Operation().RequestBody != nil {
		refused = checkMedia(r.Header)
	}
	if refused != nil {
		refused.write(w)
		return
	}
	joinLists(r.Header)
	next(ctx)
}

// checkQuery refuses what net/url would leave out without a word, so that more would be listed than was asked for.
func checkQuery(text string) *Problem {
	query, err := url.ParseQuery(text)
	if err != nil {
		return problem(kindMalformed, "the query of the URL can't be read: escape a percent sign as %25, a semicolon as %3B")
	}
	for name, values := range query {
		if len(values) > 1 {
			return problem(kindMalformed, fmt.Sprintf("the query's parameter %.40q is given more than once: give it once", name))
		}
	}
	return nil
}

// checkConditions refuses a condition that says nothing, or that the operation does not look at: whoever sets one counts on it. What is read may
// always be answered whole, whatever the client has.
func checkConditions(r *http.Request, op *huma.Operation) *Problem {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		values := r.Header.Values(name)
		known := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == name })
		switch {
		case len(values) == 0 || name == "If-None-Match" && op.Method == http.MethodGet:
		case !known:
			return problem(kindMalformed, fmt.Sprintf("%s is nothing that this %s looks at: leave it out", name, op.Method))
		case strings.Trim(strings.Join(values, ""), " \t") == "":
			return problem(kindMalformed, name+" is empty: give what ETag gave, or leave it out")
		}
	}
	return nil
}

// checkMedia takes JSON in UTF-8 as it is, which is also what a body without a type is taken for.
func checkMedia(header http.Header) *Problem {
	if coding := header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return problem(kindMediaType, "the body must not be compressed: send it without Content-Encoding").with("Accept-Encoding", "identity")
	}
	name, parameters, _ := strings.Cut(header.Get("Content-Type"), ";")
	name = strings.ToLower(strings.TrimSpace(name))
	charset, hasCharset := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "charset=")
	isUTF8 := !hasCharset || strings.Trim(charset, `"`) == "utf-8"
	if isUTF8 && (name == "" || name == "application/json") {
		return nil
	}
	return problem(kindMediaType, "the body must be JSON: send it with Content-Type: application/json").with("Accept", "application/json")
}

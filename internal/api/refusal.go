package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/domain/rule"
)

// refuse turns what a service or a reader returned into the problem to answer with. part is where the fields of a fault stand: body or query.
func (a *API) refuse(ctx context.Context, err error, part string) *Problem {
	if refused, is := errors.AsType[*Problem](err); is {
		return refused
	}
	if p := refusedByRule(err, part); p != nil {
		return p
	}
	if p := refusedByReader(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, contrail.ErrConflict):
		return problem(kindConflict, "others kept changing it at the same time, and nothing was done: try again")
	case errors.Is(err, contrail.ErrInvalid):
		return problem(kindInvalid, err.Error())
	case ctx.Err() != nil: // what ended the context shows in whatever was being done
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && a.late.tell(time.Now()) {
			a.config.Logger.WarnContext(ctx, "a request was not done in time", slog.Any("error", err), slog.String("correlation_id", correlationOf(ctx)))
		}
		return problem(kindTimeout, "it was not done in time; if it was a command, look whether it was done, or send it again with the same Idempotency-Key")
	case a.config.Unavailable(err):
		if a.away.tell(time.Now()) {
			a.config.Logger.WarnContext(ctx, "the database can't be used", slog.Any("error", err))
		}
		return problem(kindUnavailable, "the database can't be used now; if it was a command, send it again with the same Idempotency-Key")
	}
	a.config.Logger.ErrorContext(ctx, "a request failed", slog.Any("error", err), slog.String("correlation_id", correlationOf(ctx)))
	return internal(ctx)
}

// internal is a problem that tells nothing of its cause, which is in the log.
func internal(ctx context.Context) *Problem {
	return problem(kindInternal, fmt.Sprintf("the service failed: look in its log for correlation_id %q", correlationOf(ctx)))
}

// refusedByRule is nil for an error that is no rule of the domain.
func refusedByRule(err error, part string) *Problem {
	var p *Problem
	var faults rule.FieldErrors
	switch {
	case errors.Is(err, domain.ErrKeyReused):
		p = problem(kindKeyReused, "the "+headerKey+" "+strings.TrimPrefix(domain.ErrKeyReused.Error(), "idempotency_key "))
	case errors.Is(err, domain.ErrVersion):
		p = problem(kindVersion, err.Error())
		if moved, is := errors.AsType[*domain.VersionError](err); is {
			p = p.with("ETag", etag(moved.Actual))
		}
	case errors.Is(err, domain.ErrReferenceTaken):
		if taken, is := errors.AsType[*domain.ReferenceError](err); is {
			err = taken // what was being made has an id that nobody knows
		}
		p = problem(kindReference, err.Error())
	case errors.As(err, &faults):
		return faulty(kindInvalid, faultsOf(faults, part))
	case errors.Is(err, rule.ErrNotFound):
		p = problem(kindNotFound, err.Error())
	case errors.Is(err, rule.ErrRefused):
		p = problem(kindRefused, err.Error())
	case errors.Is(err, rule.ErrInvalid):
		p = problem(kindInvalid, err.Error())
	default:
		return nil
	}
	p.Code = ruleCode(err)
	return p
}

// faulty is a problem with parts of the request, whose detail tells of all of them in one line.
func faulty(k kind, faults []Fault) *Problem {
	texts := make([]string, len(faults))
	for i, fault := range faults {
		texts[i] = fault.Location + " " + fault.Message
	}
	p := problem(k, strings.Join(texts, "; "))
	p.Faults = faults
	if len(faults) == 1 {
		p.Code = faults[0].Code
	}
	return p
}

func faultsOf(errs rule.FieldErrors, part string) []Fault {
	faults := make([]Fault, len(errs))
	for i, err := range errs {
		faults[i] = Fault{Location: locate(err.Field, part), Code: ruleCode(err.Err), Message: err.Err.Error()}
	}
	return faults
}

// locate is where in the request a field of the domain stands.
func locate(field, part string) string {
	switch field {
	case "idempotency_key":
		return "header." + headerKey
	case "tenant_id":
		return "header." + headerTenant
	case "user_id":
		return "header." + headerUser
	}
	return part + "." + field
}

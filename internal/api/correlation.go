package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail/domain/rule"
)

const maxCorrelationLength = 200 // what an actor's may have

type correlationKey struct{}

// correlate gives every request an id that joins all that it sets off: X-Correlation-Id, or else X-Request-Id, or else, also in place of one that no
// event could hold, a new one. It is answered as both, also by refusals, and goes into the events' metadata.
func correlate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(headerCorrelation)
		if id == "" {
			id = r.Header.Get(headerRequest)
		}
		if rule.Text("", id, maxCorrelationLength) != nil {
			id = uuid.NewString()
		}
		w.Header().Set(headerCorrelation, id)
		w.Header().Set(headerRequest, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), correlationKey{}, id)))
	})
}

func correlationOf(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

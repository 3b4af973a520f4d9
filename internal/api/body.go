package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// buffered reads the body before anything else is done, so that the work does not wait for a slow client, and bounds its size and its time. The
// connection has no deadline for reading afterwards: it would end the request's context while the work is being done.
func buffered(next http.Handler, most int64, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)
		if r.Body == nil || r.Body == http.NoBody {
			_ = connection.SetReadDeadline(time.Time{}) // not to be had behind a recorder
			next.ServeHTTP(w, r)
			return
		}
		_ = connection.SetReadDeadline(time.Now().Add(limit))
		text, refused := readBody(r, most)
		if refused != nil {
			w.Header().Set("Connection", "close") // what is left of the body is not read
			refused.write(w)
			return
		}
		_ = connection.SetReadDeadline(time.Time{})
		r.Body = io.NopCloser(bytes.NewReader(text))
		next.ServeHTTP(w, r)
	})
}

// firstBytes is how much room is made for a body that says to be long, before any of it is there.
const firstBytes = 64 << 10

func readBody(r *http.Request, most int64) ([]byte, *Problem) {
	tooLarge := problem(kindTooLarge, fmt.Sprintf("the body has more than %d bytes: send less, or split it", most))
	if r.ContentLength > most {
		return nil, tooLarge
	}
	var text bytes.Buffer
	text.Grow(int(min(max(r.ContentLength, 0), firstBytes)) + bytes.MinRead)
	_, err := text.ReadFrom(io.LimitReader(r.Body, most+1))
	slow, isNet := errors.AsType[net.Error](err)
	switch {
	case isNet && slow.Timeout():
		return nil, problem(kindSlowBody, "the body did not arrive in time: send it at once")
	case err != nil:
		return nil, problem(kindMalformed, "the body can't be read: it ended too early, or is badly framed; send it again")
	case int64(text.Len()) > most:
		return nil, tooLarge
	}
	return text.Bytes(), nil
}

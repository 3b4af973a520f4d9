package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Question is about the health of another process.
type Question struct {
	// URL is the process's listener, as http://127.0.0.1:9464 or 127.0.0.1:9464; :9464 and 0.0.0.0:9464 mean this machine. One with a path is asked as it is.
	URL string
	// Live asks /healthz, whether it makes progress, instead of /readyz, whether it can do its work.
	Live bool
}

// errNotHealth says that something else answers.
var errNotHealth = errors.New("the answer is not about health; is it another program's address?")

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// Ask asks until ctx ends. The error says that nobody answers, or something else does; a process that is not well answers, and the Report says so.
func Ask(ctx context.Context, question Question) (Report, error) {
	address, err := question.address()
	if err != nil {
		return Report{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return Report{}, fmt.Errorf("ask %s: %w", address, err)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return Report{}, fmt.Errorf("ask %s: %w", address, networkReason(err))
	}
	defer func() { _ = response.Body.Close() }()
	report, err := readReport(response)
	if err != nil {
		return Report{}, fmt.Errorf("ask %s: %w", address, err)
	}
	return report, nil
}

func readReport(response *http.Response) (report Report, err error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Report{}, err //nolint:wrapcheck // Ask wraps it
	}
	unreadable := json.Unmarshal(body, &report)
	switch healthy := response.StatusCode == http.StatusOK; {
	case response.StatusCode == http.StatusServiceUnavailable:
		report.Status = statusFailing // also of what says so in another form
	case !healthy:
		return Report{}, fmt.Errorf("it answers with status %d: %w", response.StatusCode, errNotHealth)
	case unreadable != nil || report.Status == "":
		return Report{}, errNotHealth
	}
	return report, nil
}

// address is what is asked.
func (q Question) address() (string, error) {
	given := q.URL
	if !strings.Contains(given, "://") {
		given = "http://" + given
	}
	parsed, err := url.Parse(given)
	if err != nil || parsed.Port() == "" && parsed.Hostname() == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return "", fmt.Errorf("the address %q is wrong; write it as http://127.0.0.1:9464", q.URL)
	}
	if ip := net.ParseIP(parsed.Hostname()); parsed.Hostname() == "" || ip != nil && ip.IsUnspecified() {
		parsed.Host = net.JoinHostPort("127.0.0.1", parsed.Port())
	}
	if parsed.Path == "" || parsed.Path == "/" {
		parsed.Path = PathReady
		if q.Live {
			parsed.Path = PathLive
		}
	}
	return parsed.String(), nil
}

// networkReason is the inmost reason: the address is told already.
func networkReason(err error) error {
	if failure, is := errors.AsType[*net.OpError](err); is {
		return failure.Err
	}
	if failure, is := errors.AsType[*url.Error](err); is {
		return failure.Err
	}
	return err
}

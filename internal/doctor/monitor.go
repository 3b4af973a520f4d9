package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// serverState is what a nats-server's monitoring port tells of it, at /varz.
type serverState struct {
	Name    string `json:"server_name"`
	Cluster struct {
		Name string `json:"name"`
	} `json:"cluster"`
	JetStream struct {
		Config struct {
			MaxStore     int64         `json:"max_storage"`
			SyncInterval time.Duration `json:"sync_interval"`
			SyncAlways   bool          `json:"sync_always"`
		} `json:"config"`
		Stats struct {
			Store int64 `json:"storage"`
		} `json:"stats"`
	} `json:"jetstream"`
}

const greatestAnswer = 1 << 20

// monitored is nil where no monitoring port is named.
func (d *Doctor) monitored(ctx context.Context) (*serverState, error) {
	if d.config.Monitor == "" {
		return nil, nil //nolint:nilnil // as said
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(d.config.Monitor, "/")+"/varz", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the monitoring port: %w", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the monitoring port: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the monitoring port: it answers %s", response.Status)
	}
	var state serverState
	if err := json.NewDecoder(io.LimitReader(response.Body, greatestAnswer)).Decode(&state); err != nil {
		return nil, fmt.Errorf("read what the monitoring port tells: %w", err)
	}
	return &state, nil
}

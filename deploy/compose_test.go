package deploy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// service is what the tests look at in a compose file, as it is written or as docker compose resolves it.
type service struct {
	Image       string            `yaml:"image"`
	Build       *build            `yaml:"build"`
	User        string            `yaml:"user"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	ReadOnly    bool              `yaml:"read_only"`
	Privileged  bool              `yaml:"privileged"`
	NetworkMode string            `yaml:"network_mode"`
	PID         string            `yaml:"pid"`
	CapDrop     []string          `yaml:"cap_drop"`
	CapAdd      []string          `yaml:"cap_add"`
	SecurityOpt []string          `yaml:"security_opt"`
	Restart     string            `yaml:"restart"`
	StopGrace   string            `yaml:"stop_grace_period"`
	PIDs        int               `yaml:"pids_limit"`
	Memory      string            `yaml:"mem_limit"`
	Ports       []port            `yaml:"ports"`
	Volumes     []mount           `yaml:"volumes"`
	Profiles    []string          `yaml:"profiles"`
	HealthCheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
}

type build struct {
	Context    string `yaml:"context"`
	Dockerfile string `yaml:"dockerfile"`
}

// port is where a service is published: 127.0.0.1:8080:8080, or a mapping.
type port struct{ host, target string }

func (p *port) UnmarshalYAML(node *yaml.Node) error {
	var long struct {
		HostIP string `yaml:"host_ip"`
		Target string `yaml:"target"`
	}
	if node.Kind == yaml.MappingNode {
		err := node.Decode(&long)
		*p = port{long.HostIP, long.Target}
		return err
	}
	host, rest, _ := strings.Cut(node.Value, ":")
	*p = port{host, strings.TrimSuffix(rest[strings.LastIndex(rest, ":")+1:], "/tcp")}
	return nil
}

// mount is a volume: a source, and whether the container may only read it.
type mount struct {
	source   string
	readOnly bool
}

func (m *mount) UnmarshalYAML(node *yaml.Node) error {
	var long struct {
		Source   string `yaml:"source"`
		ReadOnly bool   `yaml:"read_only"`
	}
	if node.Kind == yaml.MappingNode {
		err := node.Decode(&long)
		*m = mount{long.Source, long.ReadOnly}
		return err
	}
	source, rest, _ := strings.Cut(node.Value, ":")
	*m = mount{source, strings.HasSuffix(rest, ":ro")}
	return nil
}

type stack struct {
	Services map[string]service `yaml:"services"`
}

func parseStack(t *testing.T, text []byte) (parsed stack) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(text, &parsed))
	return parsed
}

// written is docker-compose.yml as it stands there, with all profiles.
func written(t *testing.T) stack {
	t.Helper()
	text, err := os.ReadFile("../docker-compose.yml")
	require.NoError(t, err)
	return parseStack(t, text)
}

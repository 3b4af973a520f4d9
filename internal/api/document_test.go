package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// operation is what the document says of a route.
type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Tags        []string
	Parameters  []struct {
		Name, In, Description string
		Required              bool
	}
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			}
		}
	}
	Responses map[string]struct {
		Description string
		Content     map[string]json.RawMessage
	}
}

// line is an operation as the golden file has it.
func (o operation) line(method, path string) string {
	var parameters []string
	for _, parameter := range o.Parameters {
		name := parameter.Name
		if parameter.Required {
			name += "!"
		}
		parameters = append(parameters, name)
	}
	var statuses []string
	for status := range o.Responses {
		statuses = append(statuses, status)
	}
	slices.Sort(statuses)
	body := o.RequestBody.Content["application/json"].Schema.Ref
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s (%s) %s -> %s", strings.ToUpper(method), path, o.OperationID,
		strings.Join(parameters, " "), body[strings.LastIndex(body, "/")+1:], strings.Join(statuses, " "))), " ")
}

// The document is whole: every reference leads somewhere, every parameter of a path is described, every operation has a name of its own, an
// answer and its problems. What it describes is what the golden file says; CONTRAIL_GOLDEN=1 writes that anew.
func TestDocument(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := s.get(t, "/openapi.json", "X-Tenant-Id", "")
	require.Equal(t, "application/openapi+json", got.Header.Get("Content-Type"))
	document := into[struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]json.RawMessage }
	}](t, got)
	require.Equal(t, "3.1.0", document.OpenAPI)
	require.Equal(t, "dev", document.Info.Version)
	for _, reference := range regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(got.Body), -1) {
		require.Contains(t, document.Components.Schemas, reference[1])
	}
	for name := range document.Components.Schemas {
		require.Contains(t, string(got.Body), `"$ref":"#/components/schemas/`+name+`"`, "a schema that nobody uses")
	}
	var lines []string
	names := map[string]bool{}
	for path, operations := range document.Paths {
		for method, operation := range operations {
			require.False(t, names[operation.OperationID], operation.OperationID)
			names[operation.OperationID] = true
			require.NotEmpty(t, operation.Summary)
			require.NotEmpty(t, operation.Tags)
			require.Contains(t, operation.Responses["default"].Content, "application/problem+json")
			var declared []string
			for _, parameter := range operation.Parameters {
				require.NotEmpty(t, parameter.Description, parameter.Name)
				if parameter.In == "path" {
					declared = append(declared, "{"+parameter.Name+"}")
				}
			}
			require.ElementsMatch(t, regexp.MustCompile(`\{[^}]+\}`).FindAllString(path, -1), declared, path)
			lines = append(lines, operation.line(method, path))
		}
	}
	slices.Sort(lines)
	text := strings.Join(lines, "\n") + "\n"
	if os.Getenv("CONTRAIL_GOLDEN") != "" {
		require.NoError(t, os.WriteFile("testdata/routes.golden", []byte(text), 0o600))
	}
	golden, err := os.ReadFile("testdata/routes.golden")
	require.NoError(t, err)
	require.Equal(t, string(golden), text)
	requireSameInYAML(t, s, got)
}

// Whoever tries the API on the page need not type the tenant for each operation, and may send the sample of a body twice: it has no reference.
func TestDocumentCanBeTried(t *testing.T) {
	t.Parallel()
	s := newService(t)
	text := string(s.get(t, "/openapi.json").Body)
	require.Equal(t, strings.Count(text, `"name":"X-Tenant-Id"`), strings.Count(text, `"example":"t1"`))
	require.Contains(t, text, `"example":"t1"`)
	require.Len(t, regexp.MustCompile(`"reference":\{"description":"The client's own name[^{}]*"examples":\[""\]`).FindAllString(text, -1), 3)
	for range 2 {
		s.command(t, http.MethodPost, "/accountify/organisation", object{"name": "Acme", "reference": ""})
	}
}

func requireSameInYAML(t *testing.T, s *service, asJSON answer) {
	t.Helper()
	var fromYAML any
	require.NoError(t, yaml.Unmarshal(s.get(t, "/openapi.yaml").Body, &fromYAML))
	text, err := json.Marshal(fromYAML)
	require.NoError(t, err)
	require.JSONEq(t, string(asJSON.Body), string(text))
}

// The page and all that it loads come from here, and it may load nothing from elsewhere.
func TestDocs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	docs := s.get(t, "/docs", "X-Tenant-Id", "")
	require.Equal(t, "text/html; charset=utf-8", docs.Header.Get("Content-Type"))
	policy := docs.Header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'; script-src 'self';")
	require.NotRegexp(t, `https?:|\*`, policy)
	require.NotRegexp(t, `https?://|<script>`, string(docs.Body))
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(string(docs.Body), -1)
	require.Len(t, loaded, 4)
	for _, one := range loaded {
		for _, encoding := range []string{"gzip", "identity"} {
			got := s.get(t, one[1], "Accept-Encoding", encoding)
			require.NotEmpty(t, got.Body, one[1])
			require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
		}
	}
	require.Contains(t, string(s.get(t, "/docs/swagger-ui-bundle.js", "Accept-Encoding", "identity").Body), "SwaggerUIBundle")
	require.Equal(t, "gzip", s.get(t, "/docs/swagger-ui.css", "Accept-Encoding", "gzip").Header.Get("Content-Encoding"))
	require.Contains(t, string(s.get(t, "/docs/start.js").Body), `"/openapi.json"`)
}

// Browsers are told to allow nothing, and no other origin.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, path := range []string{"/accountify/organisation", "/nowhere", "/healthz"} {
		got := s.do(t, http.MethodGet, path, nil, "Origin", "https://example.org")
		require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", got.Header.Get("X-Frame-Options"))
		require.Equal(t, "default-src 'none'; frame-ancestors 'none'", got.Header.Get("Content-Security-Policy"))
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
		require.Empty(t, got.Header.Get("Access-Control-Allow-Origin"))
	}
}

// Facts about the UIDs that the Go kubelet gives to static pods, for `scripts/generate-static-pod-uid.ts`:
//
//	go run ./static-pod-uid types                      the Go types that a pod's dump names, as JSON
//	go run ./static-pod-uid uids ROOT NODE FILE...     the UIDs of manifests at these paths, which are below ROOT, as JSON
//	go run ./static-pod-uid dump FILE                  the text behind a UID, to find out why two differ
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/util/hash"
	"k8s.io/utils/dump"
)

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "types":
		table := types{}
		table.add(reflect.TypeFor[core.Pod](), reflect.TypeFor[v1.Pod]())
		print(table)
	case len(os.Args) > 4 && os.Args[1] == "uids":
		found := map[string]uids{}
		for _, path := range os.Args[4:] {
			found[path] = uidsOf(read(filepath.Join(os.Args[2], path)), path, os.Args[3])
		}
		print(found)
	case len(os.Args) == 3 && os.Args[1] == "dump":
		fmt.Println(dump.ForHash(decode[core.Pod](read(os.Args[2]))))
	default:
		fail("usage: static-pod-uid types | uids ROOT NODE FILE... | dump FILE")
	}
}

type uids struct {
	File string `json:"file"`
	URL  string `json:"url"`
	List string `json:"list"`
}

func read(path string) []byte {
	return must(yaml.ToJSON(must(os.ReadFile(path))))
}

// decode follows tryDecodeSinglePod and tryDecodePodList in pkg/kubelet/config/common.go.
func decode[T any](json []byte) *T {
	object, ok := must(runtime.Decode(legacyscheme.Codecs.UniversalDecoder(), json)).(any).(*T)
	if !ok {
		fail("a manifest is no Pod")
	}
	return object
}

// uidsOf follows applyDefaults in pkg/kubelet/config/common.go: the UIDs of the pod, were it from a file or a URL of that name, or in a
// list from that URL.
func uidsOf(manifest []byte, where, node string) uids {
	sum := func(pod *core.Pod, place string) string {
		hasher := fnv.New128a()
		hash.DeepHashObject(hasher, pod)
		fmt.Fprint(hasher, place)
		return hex.EncodeToString(hasher.Sum(nil))
	}
	pod := decode[core.Pod](manifest)
	list := decode[core.PodList](fmt.Appendf(nil, `{"apiVersion":"v1","kind":"PodList","items":[%s]}`, manifest))
	return uids{
		File: sum(pod, "host:"+node+"file:"+where),
		URL:  sum(pod, "url:"+where),
		List: sum(&list.Items[0], "url:"+where),
	}
}

// types holds structs as lists of "GoName jsonName type" (jsonName "-": the fields are those of the object around), and what other
// named types stand for.
type types map[string]any

// add follows a type of the internal API side by side with its twin of v1, which alone has the names of JSON.
func (t types) add(goType, twin reflect.Type) {
	switch goType.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		t.add(goType.Elem(), twin.Elem())
		if goType.Name() != "" {
			t[goType.String()] = "[]" + goType.Elem().String()
		}
	case reflect.Map:
		t.add(goType.Key(), twin.Key())
		t.add(goType.Elem(), twin.Elem())
		if goType.Name() != "" {
			t[goType.String()] = "map[" + goType.Key().String() + "]" + goType.Elem().String()
		}
	case reflect.Struct:
		if _, known := t[goType.String()]; known || goType.String() == "time.Location" {
			return
		}
		t[goType.String()] = nil
		fields := []string{}
		for i := range goType.NumField() {
			field := goType.Field(i)
			other, found := twin.FieldByName(field.Name)
			if !found {
				fail(goType.String() + "." + field.Name + " is not in v1")
			}
			fields = append(fields, field.Name+" "+jsonName(other)+" "+field.Type.String())
			t.add(field.Type, other.Type)
		}
		t[goType.String()] = fields
	default:
		if goType.String() != goType.Kind().String() {
			t[goType.String()] = goType.Kind().String()
		}
	}
}

func jsonName(field reflect.StructField) string {
	tag, found := field.Tag.Lookup("json")
	name, options, _ := strings.Cut(tag, ",")
	switch {
	case strings.Contains(options, "inline") || found && name == "":
		return "-"
	case name == "" || name == "-":
		return field.Name
	}
	return name
}

func print(value any) {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(value); err != nil {
		fail(err.Error())
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err.Error())
	}
	return value
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

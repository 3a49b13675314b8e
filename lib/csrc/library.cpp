// What the compiled library is for, so that Python can refuse it beside anything else.

#include <torch/library.h>
#include <torch/version.h>

#include <string>

namespace {

std::string compiled_for() { return TORCH_VERSION; }

// Raised, here and in lib/ops/library.py, where the arguments of a kernel change their meaning.
int64_t interface() { return 2; }

}  // namespace

TORCH_LIBRARY_FRAGMENT(e2ec, m) {
  m.def("compiled_for() -> str", &compiled_for);
  m.def("interface() -> int", &interface);
}

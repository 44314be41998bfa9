# Enforces "one kernel file, one descriptor, one symbol": a second external or weak symbol in a file compiled with ISA flags
# could be the copy the linker keeps for everybody. Run as: cmake -DNM=… -DOBJECTS=<file> -DKERNELS=<native/kernels> -P …
cmake_minimum_required(VERSION 3.18)
set(failures 0)

macro(fail text)
  message("${text}")
  math(EXPR failures "${failures} + 1")
endmacro()

# Symbols. OBJECTS holds the objects of bitnet_core, separated by semicolons.
file(READ "${OBJECTS}" objects)
list(FILTER objects INCLUDE REGEX "/kernels/[a-z]+/")
foreach(object IN LISTS objects)
  execute_process(COMMAND "${NM}" -P -g "${object}" OUTPUT_VARIABLE table RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    fail("${NM} cannot read ${object}")
  endif()
  string(REGEX MATCHALL "[^\n]+ [A-TV-Zu] [^\n]*" defined "${table}") # every external kind but U, undefined
  list(LENGTH defined count)
  if(NOT count EQUAL 1 OR NOT defined MATCHES "6bitnet[0-9]+k[A-Z]")
    fail("expected one descriptor as the only external symbol of ${object}, found: ${defined}")
  endif()
endforeach()
list(LENGTH objects checked)
if(checked EQUAL 0)
  fail("no kernel objects in ${OBJECTS}")
endif()

# Includes: the contract, C headers, intrinsics, and private headers of the same folder, whose code stands in an anonymous
# namespace so that every kernel file compiles its own copy.
file(GLOB files "${KERNELS}/*/*.cpp" "${KERNELS}/*/*.h")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  get_filename_component(folder "${file}" DIRECTORY)
  get_filename_component(family "${folder}" NAME)
  set(allowed "<stddef.h>" "<stdint.h>" "<string.h>" "<immintrin.h>" "<arm_neon.h>" "<type_traits>" "\"${family}.h\"" "\"../cpu_features.h\"")
  if(name MATCHES "_scalar.cpp$") # compiled without ISA flags, so inline functions do no harm
    list(APPEND allowed "<math.h>")
  endif()
  file(STRINGS "${file}" lines REGEX "^ *# *include")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^ *# *include *([<\"][^>\"]*[>\"]).*" "\\1" header "${line}")
    string(REPLACE "\"" "" private "${header}")
    set(anonymous "")
    if(private MATCHES "^[a-z0-9_]+[.]h$" AND EXISTS "${folder}/${private}")
      file(STRINGS "${folder}/${private}" anonymous REGEX "^namespace {")
    endif()
    if(NOT header IN_LIST allowed AND NOT anonymous)
      fail("${file} includes ${header}: expected its contract, C headers, intrinsics or a private header (anonymous namespace)")
    endif()
  endforeach()
endforeach()

if(failures EQUAL 0)
  message("1 passed, 0 failed")
else()
  message(FATAL_ERROR "0 passed, 1 failed")
endif()

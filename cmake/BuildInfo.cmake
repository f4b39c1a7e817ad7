# Writes build_info.cc; run at every build, so that the commit is the current one. It touches the file only where
# something changed. Variables: TEMPLATE, OUT, SOURCE_DIR and those of the template.
set(COMMIT "")
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${SOURCE_DIR}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --short=12 HEAD
    WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  execute_process(COMMAND ${GIT_EXECUTABLE} status --porcelain
    WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE changes ERROR_QUIET)
  if(failed)
    set(COMMIT "")
  elseif(changes)
    string(APPEND COMMIT "+changes")
  endif()
endif()
configure_file(${TEMPLATE} ${OUT} @ONLY)
